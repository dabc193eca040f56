-- Starts the body of a complete chord, or closes a failed one, if the claim is still ours.
-- KEYS  parts (.j), extra count (.t), size (.s), counted members (.d), claim (.c)
-- ARGV  token, failed (1/0), number of (binding, member) pairs, the pairs, then (list, message) pairs
if redis.call('GET', KEYS[5]) ~= ARGV[1] then return 0 end
local next = 4
for _ = 1, tonumber(ARGV[3]) do
  redis.call('SADD', ARGV[next], ARGV[next + 1])
  next = next + 2
end
while next < #ARGV do
  redis.call('LPUSH', ARGV[next], ARGV[next + 1])
  next = next + 2
end
if ARGV[2] == '1' then
  redis.call('DEL', KEYS[3])
else
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
  redis.call('SET', KEYS[5], 'done', 'EX', 300)
end
return 1
