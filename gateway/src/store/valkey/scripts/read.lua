-- Whether the partition is known, and a document of it.
-- KEYS: about, documents. ARGV: key.
local value = redis.call('HGET', KEYS[2], ARGV[1])
if value then return {1, value} end
return {redis.call('HEXISTS', KEYS[1], 'identity'), false}
