-- Notes what has begun and ends deliveries, many in one step. An end sends what follows from it, stores its
-- result and acknowledges it.
-- KEYS  unacked, unacked_index, owners
-- ARGV  consumer, life of a result in seconds (0 = for ever), number of tags that have begun, these tags (so that a
--       sweep can tell a worker's death in the task from one beside it), then for each end:
--       tag ('' if already acknowledged), acknowledge (1/0), result key, result ('' for none), number of actions, and
--       for each (action, key, value): P push a message, B bind a queue, S open a chord of that size (key without
--       its suffix)
-- Returns for each end 1, or 0 if the delivery was no longer ours (then nothing was sent), or the text of an error.
local consumer, life, begun = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local first = 4 + begun

-- What there is to know, asked in a few commands for all.
local tags, metas, ends = {}, {}, {}
for at = 4, first - 1 do tags[#tags + 1] = ARGV[at] end
local at = first
while at <= #ARGV do
  ends[#ends + 1] = at
  if ARGV[at] ~= '' then tags[#tags + 1] = ARGV[at] end
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
if #tags > 0 then
  local owners = redis.call('HMGET', KEYS[3], unpack(tags))
  local scores = redis.call('ZMSCORE', KEYS[2], unpack(tags))
  for number, tag in ipairs(tags) do owner[tag] = ours(owners[number], scores[number]) and owners[number] end
end
if #metas > 0 then
  for number, meta in ipairs(redis.call('MGET', unpack(metas))) do stored[metas[number]] = meta end
end

local marks = {}
for number = 4, first - 1 do
  local tag = ARGV[number]
  local text = owner[tag]
  if text and text:byte(-1) ~= 43 then
    owner[tag] = text .. '+'
    marks[#marks + 1], marks[#marks + 2] = tag, owner[tag]
  end
end
if #marks > 0 then redis.call('HSET', KEYS[3], unpack(marks)) end

local function keep(key, value)
  if life > 0 then return redis.pcall('SETEX', key, life, value) end
  return redis.pcall('SET', key, value)
end

local function act(action, key, value)
  if action == 'P' then return redis.pcall('LPUSH', key, value) end
  if action == 'B' then return redis.pcall('SADD', key, value) end
  redis.call('DEL', key .. '.c')
  return keep(key .. '.s', value)
end

local function succeeded(meta)
  if not meta or not meta:find('SUCCESS', 1, true) then return false end
  local ok, decoded = pcall(cjson.decode, meta)
  return ok and type(decoded) == 'table' and decoded.status == 'SUCCESS'
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
  local key, meta = ARGV[from + 2], ARGV[from + 3]
  if meta ~= '' and not succeeded(stored[key]) then
    local reply = keep(key, meta)
    if reply.err then return reply.err end
    redis.call('PUBLISH', key, meta)
    stored[key] = meta
  end
end

local replies, acknowledged = {}, {}
for number, from in ipairs(ends) do
  local tag = ARGV[from]
  local held = tag == '' or owner[tag]
  local problem = finish(from, held)
  replies[number] = problem or (held and 1 or 0)
  if held and not problem and tag ~= '' and ARGV[from + 1] == '1' then
    acknowledged[#acknowledged + 1] = tag
    owner[tag] = nil
  end
end
if #acknowledged > 0 then
  redis.call('HDEL', KEYS[1], unpack(acknowledged))
  redis.call('ZREM', KEYS[2], unpack(acknowledged))
  redis.call('HDEL', KEYS[3], unpack(acknowledged))
end
return replies
