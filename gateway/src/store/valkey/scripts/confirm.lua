-- The index knows this partition for good.
-- KEYS: about.
return redis.call('HSET', KEYS[1], 'confirmed', 1)
