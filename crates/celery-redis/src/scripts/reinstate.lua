-- Writes held deliveries into a server that may have forgotten them (restarted without its data).
-- KEYS  unacked, unacked_index, owners      ARGV  consumer, then (tag, slot) for each
local now = common.now()
for at = 2, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[1], ARGV[at], ARGV[at + 1]) == 1 then
    redis.call('ZADD', KEYS[2], now, ARGV[at])
    redis.call('HSET', KEYS[3], ARGV[at], ARGV[1] .. ' ' .. now)
  end
end
return 1
