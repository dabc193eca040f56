-- Moves messages from `unacked` back to their lists.
-- KEYS  unacked, unacked_index, owners
-- ARGV  consumer that must hold them ('' = whoever), score they must not exceed ('' = any),
--       then (tag, end: L or R, list, message) for each; an empty message drops the slot alone
-- Returns how many were moved.
local moved = 0
for at = 3, #ARGV, 4 do
  local tag = ARGV[at]
  local ours = true
  if ARGV[1] ~= '' then
    -- Also of the score that we wrote: a Python worker that takes a message over leaves its owner as it is.
    local owner, score = redis.call('HGET', KEYS[3], tag), redis.call('ZSCORE', KEYS[2], tag)
    ours = owner and score and owner:sub(1, #ARGV[1]) == ARGV[1]
      and tonumber(owner:match('^ ([%d.]+)%+?$', #ARGV[1] + 1)) == tonumber(score)
  end
  if ARGV[2] ~= '' then
    -- Renewed since it was listed: its worker is alive.
    local score = redis.call('ZSCORE', KEYS[2], tag)
    ours = ours and score and tonumber(score) <= tonumber(ARGV[2])
  end
  if ours then
    redis.call('ZREM', KEYS[2], tag)
    redis.call('HDEL', KEYS[3], tag)
    if redis.call('HDEL', KEYS[1], tag) == 1 and ARGV[at + 3] ~= '' then
      redis.call(ARGV[at + 1] .. 'PUSH', ARGV[at + 2], ARGV[at + 3])
      moved = moved + 1
    end
  end
end
return moved
