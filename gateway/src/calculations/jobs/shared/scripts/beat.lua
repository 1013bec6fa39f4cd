-- Prolongs a lease and notes how far the calculation is; answers 0 where another has it, or nobody.
-- KEYS: line, progress. ARGV: worker, place, calculation, thousandths done.
local held = redis.pcall('XPENDING', KEYS[1], 'workers', ARGV[2], ARGV[2], 1)
if held.err or #held == 0 or held[1][2] ~= ARGV[1] then return 0 end
redis.call('XCLAIM', KEYS[1], 'workers', ARGV[1], 0, ARGV[2], 'JUSTID')
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
return 1
