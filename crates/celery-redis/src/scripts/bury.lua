-- Moves a message of a lost worker from `unacked` to the dead-letter list, and tells who waits for it.
-- KEYS  unacked, unacked_index, owners, dead_letter
-- ARGV  tag, entry, size of the list, score it must not exceed, result key ('' for none), result, life of a result in
--       seconds (0 = for ever)
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not score or tonumber(score) > tonumber(ARGV[4]) then return 0 end
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
  local refused = common.set_aside(KEYS[4], ARGV[3], ARGV[2])
  if refused then return refused end
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
local result = ARGV[5]
if result ~= '' and not common.succeeded(redis.call('GET', result)) then common.store(result, ARGV[7], ARGV[6]) end
return 1
