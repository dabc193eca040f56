-- Stores REVOKED for calls that nobody has begun, as far as their stored states tell.
-- KEYS  result keys
-- ARGV  life of a result in seconds (0 = for ever), then a meta for each key
-- Returns how many were stored.
local open = {PENDING = true, RECEIVED = true, RETRY = true, REJECTED = true}
local stored = 0
for at, key in ipairs(KEYS) do
  local raw, begun = redis.call('GET', key), false
  if raw then
    local ok, meta = pcall(cjson.decode, raw)
    begun = not (ok and type(meta) == 'table' and open[meta.status])
  end
  if not begun then
    local refused = common.store(key, ARGV[1], ARGV[at + 1])
    if refused then return refused end
    stored = stored + 1
  end
end
return stored
