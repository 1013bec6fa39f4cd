-- What was written to a partition after a place in its log, or that the log does not reach back so far.
-- KEYS: about, log. ARGV: number, id ('0' and '' for the beginning), how many at most.
local number, id = tonumber(ARGV[1]), ARGV[2]
local entries = redis.call('XRANGE', KEYS[2], ARGV[1], '+', 'COUNT', tonumber(ARGV[3]) + 1)
local told = {'told'}
local whole = number == 0
for i, entry in ipairs(entries) do
  local at = tonumber(string.match(entry[1], '^(%d+)'))
  if i == 1 and number > 0 then
    whole = at == number and entry[2][2] == id
  else
    if i == 1 and at ~= 1 then whole = false end
    told[#told + 1] = at
    told[#told + 1] = entry[2][2]
    told[#told + 1] = entry[2][4]
  end
end
if number == 0 and #entries == 0 and redis.call('HGET', KEYS[1], 'number') then whole = false end
if whole then return told end
return {'gap', tonumber(redis.call('HGET', KEYS[1], 'number') or 0), redis.call('HGET', KEYS[1], 'last') or ''}
