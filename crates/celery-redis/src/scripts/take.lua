-- Moves up to `limit` messages from the queues into `unacked`, in kombu's order: priority step by
-- step, round robin over the queues within a step. One atomic step, so that no message is ever
-- outside both places.
-- KEYS  unacked, unacked_index, owners, dead_letter, then the lists, step-major
-- ARGV  limit, number of queues, number of steps, consumer, size of the dead-letter list
-- Returns {order of the queues afterwards, {queue, tag, message, ...}, {queue, rejected message, ...}}
local limit, queues, steps = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local consumer, keep = ARGV[4], tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', tonumber(time[2]))
local order, empty = {}, {}
for queue = 1, queues do order[queue] = queue end

local function pop()
  for step = 0, steps - 1 do
    for position = 1, queues do
      local queue = order[position]
      local list = step * queues + queue
      if not empty[list] then
        -- A key of another type is somebody else's: skip it rather than stop serving the others.
        local raw = redis.pcall('RPOP', KEYS[4 + list])
        if type(raw) == 'string' then
          table.remove(order, position)
          table.insert(order, queue)
          return queue, raw
        end
        empty[list] = true
      end
    end
  end
end

-- The delivery tag, exchange and routing key, or nothing if a consumer could not work with them.
local function address(raw)
  local ok, message = pcall(cjson.decode, raw)
  if not ok or type(message) ~= 'table' or type(message.properties) ~= 'table' then return end
  local tag, info = message.properties.delivery_tag, message.properties.delivery_info
  if type(tag) ~= 'string' or tag == '' or type(info) ~= 'table' then return end
  if type(info.exchange) ~= 'string' or type(info.routing_key) ~= 'string' then return end
  return tag, info.exchange, info.routing_key
end

-- Two copies of one message share a tag (a fan-out, or one swept from a slow worker). Each needs a
-- slot of its own, or acknowledging one would remove the protection of the other.
local function with_own_tag(raw, tag)
  local fresh = tag .. '.' .. redis.sha1hex(now .. consumer .. raw):sub(1, 12)
  local from = raw:find('"delivery_tag"', 1, true)
  local first, last
  if from then first, last = raw:find('"' .. tag .. '"', from, true) end
  if not first then return raw, tag end
  return raw:sub(1, first) .. fresh .. raw:sub(last), fresh
end

local taken, rejected = {}, {}
for _ = 1, limit do
  local queue, raw = pop()
  if not queue then break end
  local tag, exchange, routing_key = address(raw)
  if tag then
    if redis.call('HEXISTS', KEYS[1], tag) == 1 then raw, tag = with_own_tag(raw, tag) end
    local slot = '[' .. raw .. ', ' .. cjson.encode(exchange) .. ', ' .. cjson.encode(routing_key) .. ']'
    redis.call('HSET', KEYS[1], tag, slot)
    redis.call('ZADD', KEYS[2], now, tag)
    redis.call('HSET', KEYS[3], tag, consumer)
    taken[#taken + 1] = queue
    taken[#taken + 1] = tag
    taken[#taken + 1] = raw
  else
    redis.call('LPUSH', KEYS[4], cjson.encode({reason = 'no readable envelope', at = now, message = raw}))
    redis.call('LTRIM', KEYS[4], 0, keep - 1)
    rejected[#rejected + 1] = queue
    rejected[#rejected + 1] = raw
  end
end
return {order, taken, rejected}
