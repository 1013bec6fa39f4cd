-- The documents that were written after a place in the log, as they stand now, so that a walk through a partition
-- ends at one instant: whether there is more, the place reached, then collection, key and value of each.
-- KEYS: about, log, then documents of each collection. ARGV: number, id, how many collections, their names.
local number, id = tonumber(ARGV[1]), ARGV[2]
local place = {}
for i = 1, tonumber(ARGV[3]) do place[ARGV[3 + i]] = KEYS[2 + i] end
local entries = redis.call('XRANGE', KEYS[2], ARGV[1], '+', 'COUNT', 257)
if number > 0 and (#entries == 0 or entries[1][1] ~= ARGV[1] .. '-0' or entries[1][2][2] ~= id) then
  return {'gap'}
end
if number == 0 and #entries > 0 and entries[1][1] ~= '1-0' then return {'gap'} end
local told, seen = {'told', #entries > 256 and 1 or 0, ARGV[1], id}, {}
for _, entry in ipairs(entries) do
  local at = string.match(entry[1], '^(%d+)')
  if tonumber(at) > number then
    told[3], told[4] = at, entry[2][2]
    for name, key in string.gmatch(entry[2][4] .. '\0', '(%Z+)%z(%Z*)%z%Z*%z') do
      local member = name .. '\0' .. key
      if not seen[member] then
        seen[member] = true
        if not place[name] then return {'gap'} end
        told[#told + 1] = name
        told[#told + 1] = key
        told[#told + 1] = redis.call('HGET', place[name], key)
      end
    end
  end
end
return told
