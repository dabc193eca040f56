-- Tells what is in this worker's list of arrivals, and no reply told of. One that is too large is set aside: it may
-- have cost the connection.
-- KEYS  arrivals, dead_letter      ARGV  size of the dead-letter list, bytes of the largest message
-- Returns the messages, the oldest first and not all if they are large: the rest is there when these are gone.
local now = common.now()
local largest, found, bytes = tonumber(ARGV[2]), {}, 0
for at = redis.call('LLEN', KEYS[1]) - 1, 0, -1 do
  local raw = redis.call('LINDEX', KEYS[1], at)
  if #raw > largest then
    local reason = 'larger than ' .. largest .. ' bytes'
    local entry = {reason = reason, at = now, message = common.head(raw), bytes = #raw}
    -- What cannot be set aside stays.
    if not common.set_aside(KEYS[2], ARGV[1], cjson.encode(entry)) then redis.call('LREM', KEYS[1], -1, raw) end
  elseif bytes > 0 and bytes + #raw > 8388608 then
    break
  else
    found[#found + 1], bytes = raw, bytes + #raw
  end
end
return found
