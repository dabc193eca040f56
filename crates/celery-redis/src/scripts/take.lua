-- Moves up to `limit` messages, and some megabytes, from the queues into `unacked`, in kombu's order: priority step
-- by step, round robin over the queues within a step. One atomic step, so that no message is ever outside both
-- places.
-- KEYS  unacked, unacked_index, owners, dead_letter, then the lists, step-major
-- ARGV  limit, number of queues, number of steps, consumer, size of the dead-letter list, bytes of the largest message,
--       number of the list that was waited at (0 = none)
-- Returns {order of the queues afterwards (empty: as before), {list, tag, message, ...}, {list, rejected message or, of one that is too
--         large, what tells its id, bytes, ...}}
local consumer, largest = ARGV[4], tonumber(ARGV[6])

-- An idle worker's only message, of which nothing is odd: a part of what follows, as it is all that a wait mostly ends
-- with, and each line more is time until the task begins.
local alone = KEYS[4 + ARGV[7]]
local popped = ARGV[7] ~= '0' and redis.pcall('RPOP', alone, 2)
if popped and #popped == 2 then
  redis.call('RPUSH', alone, popped[2], popped[1])
elseif popped and #popped == 1 then
  local raw = popped[1]
  local size = #raw
  local exchange, key, tag
  if size <= largest and raw:byte(1) == 123 then
    exchange, key, tag = raw:match(
      '^"delivery_info": ?{"exchange": ?("[^"\\]*"), ?"routing_key": ?("[^"\\]*")}[^{}\\]*"delivery_tag": ?"([^"\\]+)"}}$',
      raw:find('"delivery_info"', -512, true) or size)
  end
  if tag and redis.call('HSETNX', KEYS[1], tag, '[' .. raw .. ', ' .. exchange .. ', ' .. key .. ']') == 1 then
    local time = redis.call('TIME')
    local now = time[1] .. '.' .. ('00000' .. time[2]):sub(-6)
    redis.call('ZADD', KEYS[2], now, tag)
    redis.call('HSET', KEYS[3], tag, consumer .. ' ' .. now)
    return {{}, {tonumber(ARGV[7]), tag, raw}, {}}
  end
  redis.call('RPUSH', alone, raw)
end

local limit, queues, steps = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local keep = tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', tonumber(time[2]))
-- About how many bytes of messages to reply with at most; the rest is for the next call.
local REPLY = 8 * 1024 * 1024
local order = {}
for queue = 1, queues do order[queue] = queue end

-- Puts a queue behind all others.
local function rotate(queue)
  for position = 1, queues do
    if order[position] == queue then table.remove(order, position) break end
  end
  order[queues] = queue
end

-- Which lists of a step to pop from, turn by turn, given how long they are.
local function turns(lengths, count)
  local sequence = {}
  for turn = 1, count do
    for position = 1, queues do
      local queue = order[position]
      if lengths[queue] > 0 then
        lengths[queue] = lengths[queue] - 1
        rotate(queue)
        sequence[turn] = queue
        break
      end
    end
  end
  return sequence
end

-- Pops up to `number` messages of a list, fewer once they are `most` bytes together. Their sizes show only once they
-- are popped, so it pops few at first.
local function pop(list, number, most)
  local popped, size, step = {}, 0, 1
  while #popped < number and size < most do
    for _, raw in ipairs(redis.call('RPOP', list, math.min(step, number - #popped))) do
      popped[#popped + 1], size = raw, size + #raw
    end
    step = math.max(1, math.min(4 * step, 32, math.floor((most - size) / size * #popped)))
  end
  return popped, size
end

-- The messages in turn, and the list of each.
local lists, raws, count, bytes = {}, {}, 0, 0
for step = 0, steps - 1 do
  local room = limit - count
  if room == 0 or bytes >= REPLY then break end
  local base = 4 + step * queues
  local lengths, waiting, some = {}, 0, nil
  for queue = 1, queues do
    -- A key of another type is somebody else's: skip it rather than stop serving the others.
    local length = redis.pcall('LLEN', KEYS[base + queue])
    if type(length) ~= 'number' then length = 0 end
    lengths[queue], waiting = length, waiting + length
    if length > 0 then some = queue end
  end
  if some and lengths[some] == waiting then
    local popped, size = pop(KEYS[base + some], math.min(room, waiting), REPLY - bytes)
    for _, raw in ipairs(popped) do
      count = count + 1
      lists[count], raws[count] = base - 4 + some, raw
    end
    bytes = bytes + size
    rotate(some)
  elseif some then
    local sequence, counts, batches, used = turns(lengths, math.min(room, waiting)), {}, {}, 0
    for _, queue in ipairs(sequence) do
      if not counts[queue] then used = used + 1 end
      counts[queue] = (counts[queue] or 0) + 1
    end
    local share = (REPLY - bytes) / used
    for queue, number in pairs(counts) do
      local size
      batches[queue], size = pop(KEYS[base + queue], number, share)
      counts[queue], bytes = 0, bytes + size
    end
    for _, queue in ipairs(sequence) do
      counts[queue] = counts[queue] + 1
      local raw = batches[queue][counts[queue]]
      if raw then
        count = count + 1
        lists[count], raws[count] = base - 4 + queue, raw
      end
    end
  end
end

-- The delivery tag, exchange and routing key of a message as kombu writes it: the properties last, the tag, a UUID, at
-- their end. Reading all of it would take most of this script's time. A name with its quotes is never found inside a
-- JSON string, where they would be escaped. The exchange and routing key are still JSON; mostly they are those of the
-- message before, with all else between them and the tag.
local between, same_exchange, same_key
local function glance(raw)
  local size = #raw
  if size < 128 or raw:byte(1) ~= 123 then return end
  local quote, brace, last = raw:byte(size - 2, size)
  if quote ~= 34 or brace ~= 125 or last ~= 125 then return end
  local from = raw:find('"delivery_tag":', size - 55, true)
  local open = from == size - 54 and from + 15 or from == size - 55 and raw:byte(from + 15) == 32 and from + 16
  if not open or raw:byte(open) ~= 34 then return end
  local tag = raw:sub(size - 38, size - 3)
  if tag:find('"', 1, true) or tag:find('\\', 1, true) then return end
  if not between or raw:find(between, from - #between, true) ~= from - #between then
    local info = raw:find('"delivery_info"', math.max(1, from - 512), true)
    if not info then return end
    local exchange, key = raw:match('^"delivery_info": ?{"exchange": ?("[^"\\]*"), ?"routing_key": ?("[^"\\]*")}', info)
    if not key then return end
    between, same_exchange, same_key = raw:sub(info, from - 1), exchange, key
  end
  return tag, same_exchange, same_key
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

local rejected = {}

-- Of a large one the head and the size are kept, cut between characters.
local function reject(list, raw, reason, shown)
  local entry = {reason = reason, at = now, message = raw}
  if #raw > 262144 then
    local to = 65536
    while to > 65533 and raw:byte(to + 1) >= 128 and raw:byte(to + 1) < 192 do to = to - 1 end
    entry.message, entry.bytes = raw:sub(1, to), #raw
  end
  redis.call('LPUSH', KEYS[4], cjson.encode(entry))
  redis.call('LTRIM', KEYS[4], 0, keep - 1)
  local three = #rejected
  rejected[three + 1], rejected[three + 2], rejected[three + 3] = list, shown, #raw
end

-- Those that can be worked with move to the front.
local tags, exchanges, keys, slots, good = {}, {}, {}, {}, 0
for at = 1, count do
  local list, raw = lists[at], raws[at]
  local tag, exchange, key
  if #raw <= largest then tag, exchange, key = address(raw) end
  if #raw > largest then
    -- Not searched through: kombu writes the properties last.
    local near = raw:find('"correlation_id"', math.max(1, #raw - 65536), true)
    local id = near and raw:match('^"correlation_id": ?"([^"\\]+)"', near) or 'unknown'
    reject(list, raw, 'larger than ' .. largest .. ' bytes', cjson.encode({headers = {id = id}}))
  elseif tag then
    good = good + 1
    lists[good], raws[good], tags[good] = list, raw, tag
    exchanges[good], keys[good] = exchange, key
  else
    reject(list, raw, 'no readable envelope', raw)
  end
end

local taken = {}
if good > 0 then
  local holder = consumer .. ' ' .. now
  local known, seen = redis.call('HMGET', KEYS[1], unpack(tags)), {}
  local scores, holders = {}, {}
  for at = 1, good do
    local raw, tag, two, three = raws[at], tags[at], 2 * at, 3 * at
    if known[at] or seen[tag] then raw, tag = with_own_tag(raw, tag, at) end
    seen[tag] = true
    slots[two - 1], slots[two] = tag, '[' .. raw .. ', ' .. exchanges[at] .. ', ' .. keys[at] .. ']'
    scores[two - 1], scores[two] = now, tag
    holders[two - 1], holders[two] = tag, holder
    taken[three - 2], taken[three - 1], taken[three] = lists[at], tag, raw
  end
  redis.call('HSET', KEYS[1], unpack(slots))
  redis.call('ZADD', KEYS[2], unpack(scores))
  redis.call('HSET', KEYS[3], unpack(holders))
end
return {order, taken, rejected}
