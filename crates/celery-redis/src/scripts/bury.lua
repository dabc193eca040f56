-- Moves a message of a lost worker from `unacked` to the dead-letter list, and tells who waits for it.
-- KEYS  unacked, unacked_index, owners, dead_letter
-- ARGV  tag, entry, size of the list, score it must not exceed, result key ('' for none), result, life of a result in
--       seconds (0 = for ever)
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not score or tonumber(score) > tonumber(ARGV[4]) then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
-- A stored success stays.
local function succeeded(meta)
  local ok, decoded = pcall(cjson.decode, meta or '')
  return ok and type(decoded) == 'table' and decoded.status == 'SUCCESS'
end
local result = ARGV[5]
if result ~= '' and not succeeded(redis.call('GET', result)) then
  if ARGV[7] == '0' then
    redis.call('SET', result, ARGV[6])
  else
    redis.call('SETEX', result, ARGV[7], ARGV[6])
  end
  redis.call('PUBLISH', result, ARGV[6])
end
redis.call('LPUSH', KEYS[4], ARGV[2])
redis.call('LTRIM', KEYS[4], 0, tonumber(ARGV[3]) - 1)
return 1
