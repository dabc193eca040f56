-- Sends one due entry and notes its run, if the lock is still ours: the fence against a beat that
-- slept through its lock.
-- KEYS  lock, last runs, list, binding, permanent binding
-- ARGV  token, entry name, time of this run, time of the last run as the beat knows it, binding
--       member, message
-- Returns 1 sent, 0 not the leader, -1 somebody else ran it since.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local last = redis.call('HGET', KEYS[2], ARGV[2])
if last and last ~= ARGV[4] then return -1 end
redis.call('SADD', KEYS[4], ARGV[5])
redis.call('SADD', KEYS[5], ARGV[5])
redis.call('LPUSH', KEYS[3], ARGV[6])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
