-- Tells what is in this worker's list of arrivals, and no reply told of. One that is too large is set aside: it may have
-- cost the connection.
-- KEYS  arrivals, dead_letter      ARGV  size of the dead-letter list, bytes of the largest message
-- Returns {now, {message, ...}}, the oldest first and not all if they are large: the rest is there when these are gone.
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', tonumber(time[2]))
local largest, found, bytes = tonumber(ARGV[2]), {}, 0
for at = redis.call('LLEN', KEYS[1]) - 1, 0, -1 do
  local raw = redis.call('LINDEX', KEYS[1], at)
  if #raw > largest then
    redis.call('LREM', KEYS[1], -1, raw)
    local to = math.min(#raw, 65536)
    while to > 65533 and (raw:byte(to + 1) or 0) >= 128 and raw:byte(to + 1) < 192 do to = to - 1 end
    local entry = {reason = 'larger than ' .. largest .. ' bytes', at = now, message = raw:sub(1, to), bytes = #raw}
    redis.call('LPUSH', KEYS[2], cjson.encode(entry))
    redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[1]) - 1)
  elseif bytes > 0 and bytes + #raw > 8388608 then
    break
  else
    found[#found + 1], bytes = raw, bytes + #raw
  end
end
return {now, found}
