-- Takes a calculation out of its line; with a size, puts it back at the end where the worker still has it.
-- KEYS: line, known, progress. ARGV: worker, place, calculation, size or nothing.
local back = ARGV[4] ~= ''
if back then
  local held = redis.pcall('XPENDING', KEYS[1], 'workers', ARGV[2], ARGV[2], 1)
  if held.err or #held == 0 or held[1][2] ~= ARGV[1] then return 0 end
  redis.call('XADD', KEYS[1], '*', 'calculation', ARGV[3], 'size', ARGV[4])
else
  redis.call('HDEL', KEYS[2], ARGV[3])
end
redis.call('HDEL', KEYS[3], ARGV[3])
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XACK', KEYS[1], 'workers', ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
-- An empty line goes: our user may not say DEL.
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('PEXPIRE', KEYS[1], 0) end
return 1
