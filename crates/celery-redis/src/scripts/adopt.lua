-- Moves messages from the list of arrivals into `unacked`, but those that are no longer there: a sweep gave them back,
-- or this call was made before and its reply was lost.
-- KEYS  unacked, unacked_index, owners, arrivals
-- ARGV  consumer, then, a thousand times at most, (tag, message, exchange and routing key as JSON, mark: '+' if its
--       task has begun, else '') for each
local now = common.now()
local slots, scores, holders, raws, count = {}, {}, {}, {}, 0
for at = 2, #ARGV, 5 do
  local tag, raw = ARGV[at], ARGV[at + 1]
  -- First: whatever is written then is written in a full server, too.
  if redis.call('LREM', KEYS[4], -1, raw) > 0 then
    count = count + 2
    raws[count / 2] = raw
    slots[count - 1], slots[count] = tag, '[' .. raw .. ', ' .. ARGV[at + 2] .. ', ' .. ARGV[at + 3] .. ']'
    scores[count - 1], scores[count] = now, tag
    holders[count - 1], holders[count] = tag, ARGV[1] .. ' ' .. now .. ARGV[at + 4]
  end
end
if count > 0 then
  local reply = redis.pcall('HSET', KEYS[1], unpack(slots))
  if type(reply) == 'table' then
    redis.call('LPUSH', KEYS[4], unpack(raws))
    return reply
  end
  redis.call('ZADD', KEYS[2], unpack(scores))
  redis.call('HSET', KEYS[3], unpack(holders))
end
return 1
