-- Whether the partition is known, and how many documents of a collection stand there.
-- KEYS: about, documents.
return {redis.call('HEXISTS', KEYS[1], 'identity'), redis.call('HLEN', KEYS[2])}
