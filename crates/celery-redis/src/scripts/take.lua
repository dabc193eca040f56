-- Moves up to `limit` messages, and some megabytes, from the queues into this worker's list of arrivals, in kombu's
-- order: priority step by step, round robin over the queues within a step. One atomic step, so that no message is ever
-- outside both places.
-- KEYS  arrivals, dead_letter, workers, then the lists, step-major
-- ARGV  limit, number of queues, number of steps, size of the dead-letter list, bytes of the largest message, consumer
-- Returns {order of the queues, {list, message, ...}, {list, what tells the id of one that is too large, bytes, ...}}
local limit, queues, steps = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local keep, largest = tonumber(ARGV[4]), tonumber(ARGV[5])
local now = common.now()
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
  local base = 3 + step * queues
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
      lists[count], raws[count] = base - 3 + some, raw
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
        lists[count], raws[count] = base - 3 + queue, raw
      end
    end
  end
end

local rejected = {}

-- Sets a message aside that is too large; returns whether that was done. Of a very large one the head and the size are
-- kept. It is not searched through for its id: kombu writes the properties last.
local function reject(list, raw)
  local near = raw:find('"correlation_id"', math.max(1, #raw - 65536), true)
  local id = near and raw:match('^"correlation_id": ?"([^"\\]+)"', near) or 'unknown'
  local entry = {reason = 'larger than ' .. largest .. ' bytes', at = now, message = raw}
  if #raw > 262144 then entry.message, entry.bytes = common.head(raw), #raw end
  if common.set_aside(KEYS[2], keep, cjson.encode(entry)) then return false end
  local three = #rejected
  rejected[three + 1], rejected[three + 2], rejected[three + 3] = list, cjson.encode({headers = {id = id}}), #raw
  return true
end

local taken, arrived, good = {}, {}, 0
for at = 1, count do
  local raw = raws[at]
  -- One that cannot be set aside is for the worker to deal with; it must not be lost.
  if #raw <= largest or not reject(lists[at], raw) then
    good = good + 1
    arrived[good], taken[2 * good - 1], taken[2 * good] = raw, lists[at], raw
  end
end
if good > 0 then
  redis.call('LPUSH', KEYS[1], unpack(arrived))
  -- Nobody would look into the list of a worker that is struck off, for it stood still for long.
  redis.call('ZADD', KEYS[3], 'NX', now, ARGV[6])
end
return {order, taken, rejected}
