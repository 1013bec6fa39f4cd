-- Where a partition stands: its last write's number and id, then its collections.
-- KEYS: about.
local fields = redis.call('HGETALL', KEYS[1])
local told = {0, ''}
for i = 1, #fields, 2 do
  local name = fields[i]
  if name == 'number' then told[1] = tonumber(fields[i + 1]) end
  if name == 'last' then told[2] = fields[i + 1] end
  if string.sub(name, 1, 3) == 'in:' and name ~= 'in:@ends' then told[#told + 1] = string.sub(name, 4) end
end
return told
