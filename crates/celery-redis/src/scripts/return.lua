-- Gives a lost worker's arrivals back to their lists, unless it gave a sign of life since; strikes it off if nothing
-- can arrive at it any more.
-- KEYS  workers, its list of arrivals, dead_letter
-- ARGV  consumer, time its last sign of life must not exceed, time it must not exceed to be struck off ('+inf' = any),
--       size of the dead-letter list, then for each, the newest first, (message, list, message to give back or, with an
--       empty list, entry to set aside)
-- Returns how many were given back.
local function since(limit)
  local seen = redis.call('ZSCORE', KEYS[1], ARGV[1])
  return limit == '+inf' or seen and tonumber(seen) <= tonumber(limit)
end
if not since(ARGV[2]) then return 0 end
local moved = 0
for at = 5, #ARGV, 3 do
  -- Gone if the worker was alive after all, or another sweep was quicker.
  if redis.call('LREM', KEYS[2], 1, ARGV[at]) > 0 then
    local reply = ARGV[at + 1] ~= '' and redis.pcall('RPUSH', ARGV[at + 1], ARGV[at + 2])
    local entry
    if not reply then
      entry = ARGV[at + 2]
    elseif type(reply) == 'table' then
      entry = cjson.encode({reason = reply.err, message = ARGV[at + 2]})
    else
      moved = moved + 1
    end
    -- What cannot be set aside either stays.
    if entry and common.set_aside(KEYS[3], ARGV[4], entry) then redis.call('RPUSH', KEYS[2], ARGV[at]) end
  end
end
if since(ARGV[3]) and redis.call('EXISTS', KEYS[2]) == 0 then redis.call('ZREM', KEYS[1], ARGV[1]) end
return moved
