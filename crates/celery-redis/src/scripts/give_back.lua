-- Moves messages from `unacked` back to their lists.
-- KEYS  unacked, unacked_index, owners
-- ARGV  consumer that must hold them ('' = whoever), score they must not exceed ('' = any),
--       then (tag, end: L or R, list, message) for each; an empty message drops the slot alone
-- Returns how many were moved, and why others could not be ('' if all were).
local moved, refused = 0, ''
for at = 3, #ARGV, 4 do
  local tag, raw = ARGV[at], ARGV[at + 3]
  local score = redis.call('ZSCORE', KEYS[2], tag)
  local ours = true
  if ARGV[1] ~= '' then
    -- Also of the score that we wrote: a Python worker that takes a message over leaves its owner as it is.
    local owner = redis.call('HGET', KEYS[3], tag)
    ours = owner and score and owner:sub(1, #ARGV[1]) == ARGV[1]
      and tonumber(owner:match('^ ([%d.]+)%+?$', #ARGV[1] + 1)) == tonumber(score)
  end
  -- One that was renewed since it was listed has a worker that is alive.
  if ARGV[2] ~= '' then ours = ours and score and tonumber(score) <= tonumber(ARGV[2]) end
  if ours then
    -- First: whatever is written then is written in a full server, too.
    redis.call('ZREM', KEYS[2], tag)
    local reply
    if raw ~= '' and redis.call('HEXISTS', KEYS[1], tag) == 1 then
      reply = redis.pcall(ARGV[at + 1] .. 'PUSH', ARGV[at + 2], raw)
    end
    if type(reply) == 'table' then
      -- What the queue's key does not take stays.
      if score then redis.call('ZADD', KEYS[2], score, tag) end
      refused = reply.err
    else
      redis.call('HDEL', KEYS[3], tag)
      redis.call('HDEL', KEYS[1], tag)
      if reply then moved = moved + 1 end
    end
  end
end
return {moved, refused}
