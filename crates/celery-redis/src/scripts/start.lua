-- Notes that a delivery's task has begun, so that a sweep can tell a worker's death in the task
-- from one beside it.
-- KEYS  owners      ARGV  tag, consumer
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. '+')
return 1
