-- Notes what has begun and ends deliveries, many in one step. An end sends what follows from it, stores its
-- result and acknowledges it.
-- KEYS  unacked, unacked_index, owners
-- ARGV  consumer, life of a result in seconds (0 = for ever), then four counted groups:
--       tags that have begun (so that a sweep can tell a worker's death in the task from one beside it);
--       tags to acknowledge, nothing more;
--       (tag, result key, result) to store and acknowledge;
--       ends with more to do, uncounted: tag ('' if already acknowledged), acknowledge (1/0), result key, result (''
--       for none), number of actions, and for each (action, key, value): P push a message, B bind a queue, S open a
--       chord of that size (key without its suffix)
-- Returns what is to be told of ends, numbered in this order from 1: (number, answer) for each; the answer is 0 if
-- the delivery was no longer ours (then nothing was sent), or the text of an error. Nothing is told of all others.
local call, pcall_redis = redis.call, redis.pcall
local consumer, life = ARGV[1], ARGV[2]
local expires = life ~= '0'
local begun = tonumber(ARGV[3])
local plain_at = 4 + begun
local plain = tonumber(ARGV[plain_at])
local kept_at = plain_at + plain + 1
local kept = tonumber(ARGV[kept_at])
local rest_at = kept_at + 3 * kept + 1

-- What there is to know, asked in a few commands for all.
local tags, count = {}, 0
local function ask(tag)
  count = count + 1
  tags[count] = tag
end
for at = 4, plain_at - 1 do ask(ARGV[at]) end
for at = plain_at + 1, kept_at - 1 do ask(ARGV[at]) end
local metas, rest = {}, {}
for at = kept_at + 1, rest_at - 1, 3 do
  ask(ARGV[at])
  metas[#metas + 1] = ARGV[at + 1]
end
local at = rest_at
while at <= #ARGV do
  rest[#rest + 1] = at
  if ARGV[at] ~= '' then ask(ARGV[at]) end
  if ARGV[at + 3] ~= '' then metas[#metas + 1] = ARGV[at + 2] end
  at = at + 5 + 3 * tonumber(ARGV[at + 4])
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

local function keep(key, value)
  if expires then return pcall_redis('SETEX', key, life, value) end
  return pcall_redis('SET', key, value)
end

local function act(action, key, value)
  if action == 'P' then return pcall_redis('LPUSH', key, value) end
  if action == 'B' then return pcall_redis('SADD', key, value) end
  call('DEL', key .. '.c')
  return keep(key .. '.s', value)
end

local function succeeded(meta)
  if not meta or not meta:find('SUCCESS', 1, true) then return false end
  local ok, decoded = pcall(cjson.decode, meta)
  return ok and type(decoded) == 'table' and decoded.status == 'SUCCESS'
end

-- Stores a result and tells of it; a stored success stays. Returns the text of an error.
local function store(key, meta)
  if succeeded(stored[key]) then return end
  local reply = keep(key, meta)
  if reply.err then return reply.err end
  call('PUBLISH', key, meta)
  stored[key] = meta
end

-- What an error leaves undone is one end's alone.
local function finish(from, held)
  if held then
    -- Whoever holds the message now sends what follows from it; twice would be one too many.
    for action = from + 5, from + 4 + 3 * tonumber(ARGV[from + 4]), 3 do
      local reply = act(ARGV[action], ARGV[action + 1], ARGV[action + 2])
      if type(reply) == 'table' and reply.err then return reply.err end
    end
  end
  if ARGV[from + 3] ~= '' then return store(ARGV[from + 2], ARGV[from + 3]) end
end

local told, number, acknowledged, done = {}, 0, {}, 0

-- Tells of an end, or lets go of what it held.
local function conclude(tag, held, acknowledge, problem)
  number = number + 1
  if problem or not held then
    told[#told + 1], told[#told + 2] = number, problem or 0
  elseif acknowledge and tag ~= '' then
    done = done + 1
    acknowledged[done] = tag
    owner[tag] = nil
  end
end

for at = plain_at + 1, kept_at - 1 do conclude(ARGV[at], owner[ARGV[at]], true) end
for at = kept_at + 1, rest_at - 1, 3 do
  conclude(ARGV[at], owner[ARGV[at]], true, store(ARGV[at + 1], ARGV[at + 2]))
end
for _, from in ipairs(rest) do
  local tag = ARGV[from]
  local held = tag == '' or owner[tag]
  conclude(tag, held, ARGV[from + 1] == '1', finish(from, held))
end
if done > 0 then
  call('HDEL', KEYS[1], unpack(acknowledged))
  call('ZREM', KEYS[2], unpack(acknowledged))
  call('HDEL', KEYS[3], unpack(acknowledged))
end
return told
