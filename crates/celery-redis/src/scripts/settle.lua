-- Ends a delivery in one atomic step: sends what follows from it, stores its result, acknowledges it.
-- KEYS  unacked, unacked_index, owners, result key
-- ARGV  tag ('' if already acknowledged), consumer, acknowledge (1/0), result ('' for none),
--       its life in seconds (0 = for ever), then (action, key, value) for what follows:
--       P push a message, B bind a queue, S open a chord of that size (key without its suffix)
-- Returns 1, or 0 if the delivery was no longer ours; then nothing was sent.
local tag, consumer = ARGV[1], ARGV[2]
local held = true
if tag ~= '' then
  local owner = redis.call('HGET', KEYS[3], tag)
  held = (owner == consumer or owner == consumer .. '+') and redis.call('HEXISTS', KEYS[1], tag) == 1
end

local life = tonumber(ARGV[5])
if held then
  -- Whoever holds the message now sends what follows from it; twice would be one too many.
  for at = 6, #ARGV, 3 do
    local action, key, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    if action == 'P' then
      redis.call('LPUSH', key, value)
    elseif action == 'B' then
      redis.call('SADD', key, value)
    else
      redis.call('DEL', key .. '.c')
      if life > 0 then redis.call('SETEX', key .. '.s', life, value) else redis.call('SET', key .. '.s', value) end
    end
  end
end

if ARGV[4] ~= '' then
  local stored, succeeded = redis.call('GET', KEYS[4]), false
  if stored and stored:find('SUCCESS', 1, true) then
    local ok, meta = pcall(cjson.decode, stored)
    succeeded = ok and type(meta) == 'table' and meta.status == 'SUCCESS'
  end
  if not succeeded then
    if life > 0 then redis.call('SETEX', KEYS[4], life, ARGV[4]) else redis.call('SET', KEYS[4], ARGV[4]) end
    redis.call('PUBLISH', KEYS[4], ARGV[4])
  end
end

if held and tag ~= '' and ARGV[3] == '1' then
  redis.call('HDEL', KEYS[1], tag)
  redis.call('ZREM', KEYS[2], tag)
  redis.call('HDEL', KEYS[3], tag)
end
return held and 1 or 0
