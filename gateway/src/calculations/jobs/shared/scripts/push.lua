-- Puts a calculation at the end of its line, once.
-- KEYS: about, known, line, round. ARGV: organisation, calculation, size.
if redis.call('HSETNX', KEYS[2], ARGV[2], 1) == 0 then return 0 end
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('XGROUP', 'CREATE', KEYS[3], 'workers', '0', 'MKSTREAM') end
redis.call('XADD', KEYS[3], '*', 'calculation', ARGV[2], 'size', ARGV[3])
-- Whoever comes anew has its turn after those that wait already.
local turn = tonumber(redis.call('HGET', KEYS[1], 'turn') or 0)
redis.call('ZADD', KEYS[4], 'NX', turn, ARGV[1])
return 1
