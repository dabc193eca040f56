-- Gives a sign of life, and vouches for deliveries that are still held, so that nobody's sweep takes anything away.
-- KEYS  unacked_index, owners, workers      ARGV  consumer, tag...
-- Returns {now, tags}: those tags are no longer ours: another worker is their owner, or a Python worker, which leaves
-- the owner as it is, has swept and taken them and so written another score than we did.
local now = common.now()
local consumer, lost = ARGV[1], {}
-- After a write that a full server allows it allows the others, too: nobody must look dead because it is full.
redis.call('HDEL', KEYS[2], '')
redis.call('ZADD', KEYS[3], now, consumer)
for at = 2, #ARGV do
  local tag = ARGV[at]
  local owner = redis.call('HGET', KEYS[2], tag)
  local written, begun
  if owner and owner:sub(1, #consumer) == consumer then
    written, begun = owner:match('^ ([%d.]+)(%+?)$', #consumer + 1)
  end
  local score = written and redis.call('ZSCORE', KEYS[1], tag)
  if score and tonumber(score) == tonumber(written) then
    redis.call('ZADD', KEYS[1], 'XX', now, tag)
    redis.call('HSET', KEYS[2], tag, consumer .. ' ' .. now .. begun)
  else
    if written then redis.call('HDEL', KEYS[2], tag) end
    lost[#lost + 1] = tag
  end
end
return {now, lost}
