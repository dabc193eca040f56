-- Moves up to `limit` messages from the queues into `unacked`, in kombu's order: priority step by
-- step, round robin over the queues within a step. One atomic step, so that no message is ever
-- outside both places.
-- KEYS  unacked, unacked_index, owners, dead_letter, then the lists, step-major
-- ARGV  limit, number of queues, number of steps, consumer, size of the dead-letter list, bytes of the largest message
-- Returns {order of the queues afterwards, {list, tag, message, ...}, {list, rejected message or, of one that is too
--         large, what tells its id, bytes, ...}}
local limit, queues, steps = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local consumer, keep, largest = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', tonumber(time[2]))
local order = {}
for queue = 1, queues do order[queue] = queue end

-- Which lists of a step to pop from, turn by turn, given how long they are.
local function turns(lengths, waiting)
  local sequence = {}
  while waiting > 0 and limit > 0 do
    for position = 1, queues do
      local queue = order[position]
      if lengths[queue] > 0 then
        lengths[queue] = lengths[queue] - 1
        table.remove(order, position)
        table.insert(order, queue)
        sequence[#sequence + 1] = queue
        break
      end
    end
    waiting, limit = waiting - 1, limit - 1
  end
  return sequence
end

-- The messages in turn, as (list, message) pairs; each list is popped once a step.
local popped = {}
for step = 0, steps - 1 do
  if limit == 0 then break end
  local lengths, waiting = {}, 0
  for queue = 1, queues do
    -- A key of another type is somebody else's: skip it rather than stop serving the others.
    local length = redis.pcall('LLEN', KEYS[4 + step * queues + queue])
    lengths[queue] = type(length) == 'number' and length or 0
    waiting = waiting + lengths[queue]
  end
  local sequence, counts, batches = turns(lengths, waiting), {}, {}
  for _, queue in ipairs(sequence) do counts[queue] = (counts[queue] or 0) + 1 end
  for queue, count in pairs(counts) do
    batches[queue] = redis.call('RPOP', KEYS[4 + step * queues + queue], count)
    counts[queue] = 0
  end
  for _, queue in ipairs(sequence) do
    counts[queue] = counts[queue] + 1
    popped[#popped + 1] = step * queues + queue
    popped[#popped + 1] = batches[queue][counts[queue]]
  end
end

-- The only place of a name in a text, from a position on. A name with its quotes is never found inside a JSON
-- string, where they would be escaped.
local function only(raw, name, from)
  local first = raw:find(name, from, true)
  if first and not raw:find(name, first + 1, true) then return first end
end

-- The delivery tag, exchange and routing key of a message as kombu writes it, without reading all of it: most
-- of this script's time would go into that. The exchange and routing key are still JSON.
local function glance(raw)
  if raw:byte(1) ~= 123 or raw:byte(-1) ~= 125 then return end
  local from = only(raw, '"properties"', 1)
  local tag = from and only(raw, '"delivery_tag"', from)
  local info = from and only(raw, '"delivery_info"', from)
  if not tag or not info then return end
  tag = raw:match('^"delivery_tag": ?"([^"\\]+)"', tag)
  local exchange, key = raw:match('^"delivery_info": ?{"exchange": ?("[^"\\]*"), ?"routing_key": ?("[^"\\]*")}', info)
  if tag and key then return tag, exchange, key end
end

-- The same of any message, or nothing if a consumer could not work with it.
local function address(raw)
  local tag, exchange, key = glance(raw)
  if tag then return tag, exchange, key end
  local ok, message = pcall(cjson.decode, raw)
  if not ok or type(message) ~= 'table' or type(message.properties) ~= 'table' then return end
  local info
  tag, info = message.properties.delivery_tag, message.properties.delivery_info
  if type(tag) ~= 'string' or tag == '' or type(info) ~= 'table' then return end
  if type(info.exchange) ~= 'string' or type(info.routing_key) ~= 'string' then return end
  return tag, cjson.encode(info.exchange), cjson.encode(info.routing_key)
end

-- Two copies of one message share a tag (a fan-out, or one swept from a slow worker). Each needs a
-- slot of its own, or acknowledging one would remove the protection of the other.
local function with_own_tag(raw, tag, salt)
  local fresh = tag .. '.' .. redis.sha1hex(now .. consumer .. salt .. raw):sub(1, 12)
  local from = raw:find('"delivery_tag"', 1, true)
  local first, last
  if from then first, last = raw:find('"' .. tag .. '"', from, true) end
  if not first then return raw, tag end
  return raw:sub(1, first) .. fresh .. raw:sub(last), fresh
end

local found, tags, rejected = {}, {}, {}

local function reject(list, raw, reason, shown)
  redis.call('LPUSH', KEYS[4], cjson.encode({reason = reason, at = now, message = raw}))
  redis.call('LTRIM', KEYS[4], 0, keep - 1)
  local three = #rejected
  rejected[three + 1], rejected[three + 2], rejected[three + 3] = list, shown, #raw
end

for at = 1, #popped, 2 do
  local list, raw = popped[at], popped[at + 1]
  local tag, exchange, key
  if #raw <= largest then tag, exchange, key = address(raw) end
  if #raw > largest then
    -- Not searched through: kombu writes the properties last.
    local near = raw:find('"correlation_id"', math.max(1, #raw - 65536), true)
    local id = near and raw:match('^"correlation_id": ?"([^"\\]+)"', near) or 'unknown'
    reject(list, raw, 'larger than ' .. largest .. ' bytes', cjson.encode({headers = {id = id}}))
  elseif tag then
    found[#found + 1] = {list, raw, exchange, key}
    tags[#tags + 1] = tag
  else
    reject(list, raw, 'no readable envelope', raw)
  end
end

local taken = {}
if #tags > 0 then
  local known, seen = redis.call('HMGET', KEYS[1], unpack(tags)), {}
  local slots, scores, holders = {}, {}, {}
  for at, message in ipairs(found) do
    local list, raw, tag = message[1], message[2], tags[at]
    if known[at] or seen[tag] then raw, tag = with_own_tag(raw, tag, at) end
    seen[tag] = true
    local two = #slots
    slots[two + 1], slots[two + 2] = tag, '[' .. raw .. ', ' .. message[3] .. ', ' .. message[4] .. ']'
    scores[two + 1], scores[two + 2] = now, tag
    holders[two + 1], holders[two + 2] = tag, consumer
    local three = #taken
    taken[three + 1], taken[three + 2], taken[three + 3] = list, tag, raw
  end
  redis.call('HSET', KEYS[1], unpack(slots))
  redis.call('ZADD', KEYS[2], unpack(scores))
  redis.call('HSET', KEYS[3], unpack(holders))
end
return {order, taken, rejected}
