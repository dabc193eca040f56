-- Starts the body of a complete chord, or closes a failed one, if the claim is still ours.
-- KEYS  parts (.j), extra count (.t), size (.s), counted members (.d), claim (.c)
-- ARGV  token, failed (1/0), life of an opened chord, then (action, key, value) as in settle.lua
if redis.call('GET', KEYS[5]) ~= ARGV[1] then return 0 end
local life = tonumber(ARGV[3])
for at = 4, #ARGV, 3 do
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
if ARGV[2] == '1' then
  redis.call('DEL', KEYS[3])
else
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
  redis.call('SET', KEYS[5], 'done', 'EX', 300)
end
return 1
