-- What ended by now, the oldest first, each as collection and key.
-- KEYS: ends. ARGV: now, limit.
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
