-- Drops some owner entries whose message is gone (a Python worker swept or acknowledged it).
-- KEYS  unacked, owners
for _, tag in ipairs(redis.call('HRANDFIELD', KEYS[2], 64)) do
  if redis.call('HEXISTS', KEYS[1], tag) == 0 then redis.call('HDEL', KEYS[2], tag) end
end
return 1
