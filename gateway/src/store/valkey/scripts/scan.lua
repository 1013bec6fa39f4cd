-- A page of one partition: whether it is known, then keys and values in turn.
-- KEYS: about, documents, names. ARGV: prefix, where it begins, limit, now ('' to leave out nothing).
local documents, names, prefix, limit = KEYS[2], KEYS[3], ARGV[1], tonumber(ARGV[3])
local from, now = ARGV[2], tonumber(ARGV[4])
local page = {redis.call('HEXISTS', KEYS[1], 'identity')}
local count = 0
while count < limit do
  local keys = redis.call('ZRANGEBYLEX', names, from, '+', 'LIMIT', 0, math.min(limit - count, 1000))
  if #keys == 0 then return page end
  local values = redis.call('HMGET', documents, unpack(keys))
  for i, key in ipairs(keys) do
    if string.sub(key, 1, #prefix) ~= prefix then return page end
    local value = values[i]
    local stops = value and string.match(value, '^%d+:(%-?%d*):')
    if value and not (now and stops ~= '' and tonumber(stops) <= now) then
      count = count + 1
      page[#page + 1] = key
      page[#page + 1] = value
    end
  end
  from = '(' .. keys[#keys]
end
return page
