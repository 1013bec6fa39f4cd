-- A batch, whole or not at all. Expectations are looked at before anything is written; what was applied is known by
-- the batch's id for a minute, so that asking again after a lost answer changes nothing.
-- KEYS: about, ends, log, done, then documents and names of each collection.
-- ARGV: now, id, partition, channel, identity to give ('' for none), how many collections, their names,
--       then for each write: collection, key, expectation, change, end, version, body.
local about, ends, log, done = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now, id, partition, channel, given = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local collections = tonumber(ARGV[6])
local first, each = 7 + collections, 7

-- A write, so that a WAIT that follows waits for what was applied before.
if redis.call('EXISTS', done) == 1 then
  redis.call('PEXPIRE', done, 60000)
  return {'applied'}
end
local identity = redis.call('HGET', about, 'identity')
if not identity and given == '' then return {'unknown', 0} end
if identity and given ~= '' and identity ~= given then return {'other'} end

local function head(value)
  if not value then return nil, '' end
  local version, stops = string.match(value, '^(%d+):(%-?%d*):')
  return tonumber(version), stops
end
local function over(stops) return stops ~= '' and tonumber(stops) <= now end

local writes, new = {}, {}
for at = first, #ARGV, each do
  local place = tonumber(ARGV[at])
  local write = {
    name = ARGV[6 + place], documents = KEYS[3 + 2 * place], names = KEYS[4 + 2 * place],
    key = ARGV[at + 1], expect = ARGV[at + 2], change = ARGV[at + 3], stops = ARGV[at + 4],
    version = ARGV[at + 5], body = ARGV[at + 6],
  }
  local version, stops = head(redis.call('HGET', write.documents, write.key))
  if over(stops) then version = nil end
  local expect = write.expect
  if expect == '-' and version or expect ~= '*' and expect ~= '-' and version ~= tonumber(expect) then
    return {'conflict', #writes}
  end
  if write.change == 'put' or write.change == 'load' then
    new[write.name] = true
    if write.stops ~= '' then new['@ends'] = true end
  end
  writes[#writes + 1] = write
end
local listed = {}
for name in pairs(new) do
  if redis.call('HEXISTS', about, 'in:' .. name) == 0 then
    if given == '' then return {'unknown', 1} end
    listed[#listed + 1] = name
  end
end

local told = {}
local function put(write, value, version, stops)
  local member = write.name .. '\0' .. write.key
  local before, ended = head(value)
  redis.call('HSET', write.documents, write.key, version .. ':' .. stops .. ':' .. write.body)
  if not before then redis.call('ZADD', write.names, 0, write.key) end
  if stops ~= '' then
    redis.call('ZADD', ends, stops, member)
  elseif ended ~= '' then
    redis.call('ZREM', ends, member)
  end
  told[#told + 1] = member .. '\0' .. version
end
local function remove(write)
  local member = write.name .. '\0' .. write.key
  if redis.call('HDEL', write.documents, write.key) == 1 then
    redis.call('ZREM', write.names, write.key)
    told[#told + 1] = member .. '\0'
  end
  redis.call('ZREM', ends, member)
end
for _, write in ipairs(writes) do
  local value = redis.call('HGET', write.documents, write.key)
  if write.change == 'put' then
    -- What had expired was gone: the document begins anew.
    local version, stops = head(value)
    if not version or over(stops) then version = 0 end
    put(write, value, string.format('%.0f', version + 1), write.stops)
  elseif write.change == 'load' then
    put(write, value, write.version, write.stops)
  elseif write.change == 'delete' then
    remove(write)
  elseif write.change == 'sweep' then
    local _, stops = head(value)
    if over(stops) or not value then remove(write) end
  end
end
if not identity then redis.call('HSET', about, 'identity', given) end
for _, name in ipairs(listed) do redis.call('HSET', about, 'in:' .. name, 1) end
if #told > 0 then
  local number = redis.call('HINCRBY', about, 'number', 1)
  local before = redis.call('HGET', about, 'last') or ''
  local changes = table.concat(told, '\0')
  redis.call('HSET', about, 'last', id)
  redis.call('XADD', log, 'MAXLEN', '~', 8192, string.format('%.0f-0', number), 'id', id, 'changes', changes)
  redis.call('SET', done, 1, 'PX', 60000)
  redis.call('PUBLISH', channel, table.concat({partition, string.format('%.0f', number), id, before, changes}, '\0'))
end
return {'applied', redis.call('HEXISTS', about, 'confirmed'), #told}
