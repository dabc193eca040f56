-- Notes what has begun and ends deliveries, many in one step. An end sends what follows from it, stores its
-- result and acknowledges it.
-- KEYS  unacked, unacked_index, owners, arrivals
-- ARGV  consumer, life of a result in seconds (0 = for ever), then four counted groups:
--       tags that have begun (so that a sweep can tell a worker's death in the task from one beside it);
--       tags to acknowledge, nothing more;
--       (tag, result key, result, arrival) to store and acknowledge; the tag is '' if the delivery is not in `unacked`;
--       the arrival, '' for none, is a message to strike from the list of arrivals then;
--       ends with more to do, uncounted: tag (likewise), acknowledge (1/0), result key, result ('' for none), arrival,
--       number of actions, and for each (action, key, value):
--         P push a message, B bind a queue, X push one to wherever an exchange leads (its binding set, "<before a
--         queue's name>\n<after it>\n<routing key>\n<message>"), R store another task's result, D push into the
--         dead-letter list ("<size of the list>\n<entry>"); of chords, whose key is without its suffix: S open one of
--         that size, C count a member ("<score>\n<part>\n<task id>"), E close one that is complete thereby ("done", or
--         "failed")
-- Returns what is to be told of ends, numbered in this order from 1: (number, answer) for each; the answer is 0 if
-- the delivery was no longer ours (then nothing was sent), the text of an error, or, of an end that closes other chords
-- than it completes (then nothing was done), where each chord that it counts in would stand: 1 complete, 0 not or no
-- more, 2 complete and being closed by somebody else. Nothing is told of all others.
local call, pcall_redis = redis.call, redis.pcall
local consumer, life = ARGV[1], ARGV[2]
local begun = tonumber(ARGV[3])
local plain_at = 4 + begun
local plain = tonumber(ARGV[plain_at])
local kept_at = plain_at + plain + 1
local kept = tonumber(ARGV[kept_at])
local rest_at = kept_at + 4 * kept + 1

-- What there is to know, asked in a few commands for all.
local tags, count = {}, 0
local function ask(tag)
  count = count + 1
  tags[count] = tag
end
for at = 4, plain_at - 1 do ask(ARGV[at]) end
for at = plain_at + 1, kept_at - 1 do ask(ARGV[at]) end
local metas, rest = {}, {}
for at = kept_at + 1, rest_at - 1, 4 do
  if ARGV[at] ~= '' then ask(ARGV[at]) end
  metas[#metas + 1] = ARGV[at + 1]
end
local at = rest_at
while at <= #ARGV do
  rest[#rest + 1] = at
  if ARGV[at] ~= '' then ask(ARGV[at]) end
  if ARGV[at + 3] ~= '' then metas[#metas + 1] = ARGV[at + 2] end
  at = at + 6 + 3 * tonumber(ARGV[at + 5])
end
-- Whether a delivery is ours. A Python worker that has swept and taken it leaves its owner as it is, but has written
-- another score than we did. Many have the same owner text, which is read once.
local written = {}
local function ours(text, score)
  if not text or not score then return false end
  local at = written[text]
  if at == nil then
    at = text:sub(1, #consumer) == consumer and tonumber(text:match('^ ([%d.]+)%+?$', #consumer + 1)) or false
    written[text] = at
  end
  return at and at == tonumber(score)
end

local owner, stored = {}, {}
if count > 0 then
  local owners = call('HMGET', KEYS[3], unpack(tags))
  local scores = call('ZMSCORE', KEYS[2], unpack(tags))
  for number = 1, count do
    owner[tags[number]] = ours(owners[number], scores[number]) and owners[number]
  end
end
if #metas > 0 then
  local values = call('MGET', unpack(metas))
  for number = 1, #metas do stored[metas[number]] = values[number] end
end

local marks = {}
for number = 4, plain_at - 1 do
  local tag = ARGV[number]
  local text = owner[tag]
  if text and text:byte(-1) ~= 43 then
    owner[tag] = text .. '+'
    marks[#marks + 1], marks[#marks + 2] = tag, owner[tag]
  end
end
if #marks > 0 then call('HSET', KEYS[3], unpack(marks)) end

-- Stores a result and tells of it; a stored success stays. Returns the text of an error.
local function store(key, meta)
  if stored[key] == nil then stored[key] = call('GET', key) end
  if common.succeeded(stored[key]) then return end
  local refused = common.store(key, life, meta)
  if refused then return refused.err end
  stored[key] = meta
end

local function member(value) return value:match('^([^\n]*)\n([^\n]*)\n(.*)$') end

-- Where each chord that an end counts in would stand, if the end closes other ones than it completes.
local function otherwise(from, to)
  local counts, added, seen, closes = {}, {}, {}, {}
  for at = from, to, 3 do
    local action, base = ARGV[at], ARGV[at + 1]
    if action == 'E' then closes[base] = 1 end
    if action == 'C' then
      counts[#counts + 1] = base
      local score, _, id = member(ARGV[at + 2])
      local one = id .. ':' .. score
      if not seen[base .. one] and call('SISMEMBER', base .. '.d', one) == 0 then
        added[base] = (added[base] or 0) + 1
      end
      seen[base .. one] = true
    end
  end
  local standing, agree = {}, true
  for number, base in ipairs(counts) do
    local size, claim, state = call('GET', base .. '.s'), call('GET', base .. '.c'), 0
    if size and claim ~= 'done' then
      local expected = tonumber(size) + tonumber(call('GET', base .. '.t') or 0)
      if call('ZCARD', base .. '.j') + (added[base] or 0) == expected then state = claim and 2 or 1 end
    end
    standing[number] = state
    agree = agree and state == (closes[base] or 0)
  end
  if not agree then return standing end
end

-- Counts a member of a chord, once however often it is delivered.
local function count_member(base, value)
  local score, part, id = member(value)
  if call('GET', base .. '.c') == 'done' then return end
  if call('SADD', base .. '.d', id .. ':' .. score) == 1 then call('ZADD', base .. '.j', score, part) end
  if life ~= '0' then
    for _, suffix in ipairs({'.j', '.t', '.s', '.d', ''}) do call('EXPIRE', base .. suffix, life) end
  end
end

-- Whether a topic exchange's binding matches a routing key: `*` stands for one word, `#` for any number.
local function matches(topic, key)
  local words = {}
  for word in (topic .. '.'):gmatch('([^.]*)%.') do
    words[#words + 1] = word == '*' and '[^.]+' or word == '#' and '.*' or word:gsub('%W', '%%%0')
  end
  return key:match('^' .. table.concat(words, '%.') .. '$')
end

-- Pushes to each queue that is bound with this key, as kombu finds them; to none is an error.
local function publish(bindings, value)
  local before, after, key, message = value:match('^([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')
  local done = {}
  for _, member in ipairs(call('SMEMBERS', bindings)) do
    local bound, pattern, queue = member:match('^(.-)\6\22(.-)\6\22(.+)$')
    if queue and not done[queue] and (pattern == '' and bound == key or pattern ~= '' and matches(bound, key)) then
      done[queue] = true
      local reply = pcall_redis('LPUSH', before .. queue .. after, message)
      if type(reply) == 'table' then return reply end
    end
  end
  if not next(done) then return {err = 'NOQUEUE no queue is bound to ' .. bindings .. ' with the key ' .. key} end
end

local function act(action, key, value)
  if action == 'X' then return publish(key, value) end
  if action == 'P' then return pcall_redis('LPUSH', key, value) end
  if action == 'B' then return pcall_redis('SADD', key, value) end
  if action == 'R' then return {err = store(key, value)} end
  if action == 'C' then return count_member(key, value) end
  if action == 'D' then
    local size, entry = value:match('^(%d+)\n(.*)$')
    return common.set_aside(key, size, entry)
  end
  if action == 'E' and value == 'done' then
    call('DEL', key .. '.j', key .. '.t', key .. '.s', key .. '.d')
    return call('SET', key .. '.c', 'done', 'EX', 300)
  end
  -- Without its size a failed chord is closed; what its members gave stays, as in Celery.
  if action == 'E' then return call('DEL', key .. '.s') end
  call('DEL', key .. '.c')
  return common.keep(key .. '.s', life, value)
end

-- Does what follows from an end; what an error leaves undone is one end's alone.
local function follow(from, held)
  if held then
    -- Whoever holds the message now sends what follows from it; twice would be one too many.
    local first, last = from + 6, from + 5 + 3 * tonumber(ARGV[from + 5])
    local standing = otherwise(first, last)
    if standing then return standing end
    for at = first, last, 3 do
      local reply = act(ARGV[at], ARGV[at + 1], ARGV[at + 2])
      if type(reply) == 'table' and reply.err then return reply.err end
    end
  end
  if ARGV[from + 3] ~= '' then return store(ARGV[from + 2], ARGV[from + 3]) end
end

-- As `follow`: a key of a chord that is of another type is one end's alone, too.
local function finish(from, held)
  local ok, answer = pcall(follow, from, held)
  if ok then return answer end
  return type(answer) == 'table' and answer.err or answer
end

local told, number, acknowledged, done = {}, 0, {}, 0

-- Tells of an end, or lets go of what it held.
local function conclude(tag, held, acknowledge, problem, arrival)
  number = number + 1
  if problem or not held then
    told[#told + 1], told[#told + 2] = number, problem or 0
  elseif arrival ~= '' then
    call('LREM', KEYS[4], -1, arrival)
  elseif acknowledge and tag ~= '' then
    done = done + 1
    acknowledged[done] = tag
    owner[tag] = nil
  end
end

for at = plain_at + 1, kept_at - 1 do conclude(ARGV[at], owner[ARGV[at]], true, nil, '') end
for at = kept_at + 1, rest_at - 1, 4 do
  local tag = ARGV[at]
  conclude(tag, tag == '' or owner[tag], true, store(ARGV[at + 1], ARGV[at + 2]), ARGV[at + 3])
end
for _, from in ipairs(rest) do
  local tag = ARGV[from]
  local held = tag == '' or owner[tag]
  conclude(tag, held, ARGV[from + 1] == '1', finish(from, held), ARGV[from + 4])
end
if done > 0 then
  call('HDEL', KEYS[1], unpack(acknowledged))
  call('ZREM', KEYS[2], unpack(acknowledged))
  call('HDEL', KEYS[3], unpack(acknowledged))
end
return told
