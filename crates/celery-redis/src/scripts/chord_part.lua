-- Counts one finished member of a chord, once however often it is delivered.
-- KEYS  parts (.j), extra count (.t), size (.s), counted members (.d), saved group, claim (.c)
-- ARGV  task id, part, score, life in seconds (0 = for ever), life of the claim, token
-- Returns 1 if the chord is complete and its body is ours to start.
if redis.call('GET', KEYS[6]) == 'done' then return 0 end
if redis.call('SADD', KEYS[4], ARGV[1] .. ':' .. ARGV[3]) == 1 then
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
end
if tonumber(ARGV[4]) > 0 then
  for key = 1, 5 do redis.call('EXPIRE', KEYS[key], ARGV[4]) end
end
local size = redis.call('GET', KEYS[3])
if not size then return 0 end
local expected = tonumber(size) + tonumber(redis.call('GET', KEYS[2]) or 0)
if redis.call('ZCARD', KEYS[1]) ~= expected then return 0 end
if redis.call('SET', KEYS[6], ARGV[6], 'NX', 'EX', ARGV[5]) then return 1 end
return 0
