-- Vouches for deliveries that are still held, so that nobody's sweep takes them away.
-- KEYS  unacked_index, owners      ARGV  consumer, tag...
-- Returns the tags that are no longer ours.
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', tonumber(time[2]))
local lost = {}
for at = 2, #ARGV do
  local owner = redis.call('HGET', KEYS[2], ARGV[at])
  local ours = owner == ARGV[1] or owner == ARGV[1] .. '+'
  if ours and redis.call('ZSCORE', KEYS[1], ARGV[at]) then
    redis.call('ZADD', KEYS[1], 'XX', now, ARGV[at])
  else
    lost[#lost + 1] = ARGV[at]
  end
end
return lost
