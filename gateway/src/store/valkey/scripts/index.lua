-- The index of all partitions: which there are, and which hold a collection. It is of one store alone.
-- KEYS: identity, partitions, confirmed, then the lists of collections.
-- ARGV: the store's identity, what to do, then what it is done with.
-- Answers 1 and what was asked for, or nothing where the store is another, or lost.
local act = ARGV[2]
local identity = redis.call('GET', KEYS[1])
if act == 'open' then
  -- Known before ('' for never), and new.
  if identity then return {1, identity} end
  if ARGV[1] ~= '' or redis.call('EXISTS', KEYS[2]) == 1 then return {false} end
  redis.call('SET', KEYS[1], ARGV[3])
  return {1, ARGV[3]}
elseif act == 'restoring' then
  -- Taken over where nothing stands, or half of a restore.
  if redis.call('EXISTS', KEYS[2]) == 1 and string.sub(identity or '', 1, 10) ~= 'restoring-' then return {false} end
  redis.call('SET', KEYS[1], ARGV[3])
  return {1}
end
if identity ~= ARGV[1] then return {false} end
if act == 'register' then
  -- Partition, identity for it.
  redis.call('HSETNX', KEYS[2], ARGV[3], ARGV[4])
  for i = 4, #KEYS do redis.call('ZADD', KEYS[i], 0, ARGV[3]) end
  return {1, redis.call('HGET', KEYS[2], ARGV[3]), redis.call('SISMEMBER', KEYS[3], ARGV[3])}
elseif act == 'confirm' then
  redis.call('SADD', KEYS[3], ARGV[3])
  return {1}
elseif act == 'look' then
  return {1, redis.call('SISMEMBER', KEYS[3], ARGV[3])}
elseif act == 'holding' then
  -- Partitions of a collection from a place on.
  return {1, redis.call('ZRANGEBYLEX', KEYS[4], ARGV[3], '+', 'LIMIT', 0, ARGV[4])}
elseif act == 'all' then
  local page = redis.call('HSCAN', KEYS[2], ARGV[3], 'COUNT', 200)
  return {1, page[1], page[2]}
elseif act == 'ready' then
  redis.call('SET', KEYS[1], identity)
  return {1}
elseif act == 'restored' then
  redis.call('SET', KEYS[1], ARGV[3])
  return {1}
end
return redis.error_reply('ERR no such act')
