-- What the scripts share; it stands before each of them.
local common = {}

-- The server's time, in epoch seconds, as text.
function common.now()
  local time = redis.call('TIME')
  return time[1] .. '.' .. string.format('%06d', tonumber(time[2]))
end

-- Whether a stored state is a success, which nothing replaces.
function common.succeeded(meta)
  if not meta or not meta:find('SUCCESS', 1, true) then return false end
  local ok, decoded = pcall(cjson.decode, meta)
  return ok and type(decoded) == 'table' and decoded.status == 'SUCCESS'
end

-- The start of a message, cut between characters.
function common.head(raw)
  local to = math.min(#raw, 65536)
  while to > 65533 and (raw:byte(to + 1) or 0) >= 128 and raw:byte(to + 1) < 192 do to = to - 1 end
  return raw:sub(1, to)
end

-- Keeps a value for so many seconds, 0 for ever. Returns the reply, which may be an error.
function common.keep(key, life, value)
  if life == '0' then return redis.pcall('SET', key, value) end
  return redis.pcall('SETEX', key, life, value)
end

-- Stores a task's state and tells of it. Returns an error if the server refuses it.
function common.store(key, life, meta)
  local reply = common.keep(key, life, meta)
  if reply.err then return reply end
  redis.call('PUBLISH', key, meta)
end

-- Puts an entry into the dead-letter list, which keeps so many. Returns an error if the server refuses it: what was to
-- be set aside must stay where it is then.
function common.set_aside(list, size, entry)
  -- First: after a write that a full server allows it allows others, too.
  local reply = redis.pcall('LTRIM', list, 0, tonumber(size) - 2)
  if not reply.err then reply = redis.pcall('LPUSH', list, entry) end
  if type(reply) == 'table' then return reply end
end
