-- Leases the next calculation of the organisation whose last turn is the longest ago.
-- KEYS: about, round, the prefix of lines. ARGV: worker, lease in milliseconds, then the kinds of lines in order.
-- Answers organisation, kind, place, calculation, size; or nothing.
for _, organisation in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf')) do
  local left = 0
  for kind = 3, #ARGV do
    local line = KEYS[3] .. ARGV[kind] .. ':' .. organisation
    if redis.call('EXISTS', line) == 1 then
      -- What a worker held that has not been heard of goes first.
      local found = redis.call('XAUTOCLAIM', line, 'workers', ARGV[1], ARGV[2], '0-0', 'COUNT', 1)[2]
      if #found == 0 then
        local new = redis.call('XREADGROUP', 'GROUP', 'workers', ARGV[1], 'COUNT', 1, 'STREAMS', line, '>')
        found = new and new[1][2] or {}
      end
      if #found > 0 then
        redis.call('ZADD', KEYS[2], redis.call('HINCRBY', KEYS[1], 'turn', 1), organisation)
        return {organisation, ARGV[kind], found[1][1], found[1][2][2], found[1][2][4]}
      end
    end
  end
  for _, kind in ipairs({'small', 'large'}) do
    left = left + redis.call('XLEN', KEYS[3] .. kind .. ':' .. organisation)
  end
  if left == 0 then redis.call('ZREM', KEYS[2], organisation) end
end
return false
