-- Finds a kept answer that is as good as a new one, or says who computes it.
-- ARGV: project; digest; first and last day that are read ('' and '': any); max age (microseconds); the moment and the number of changes to
--   which the answer must be true ('' and '': now); id of who would compute it ('': nobody); 32 random characters; '1' if the answer
--   depends on when it is asked; slack, quiet (microseconds); milliseconds that who computes has before another may.
-- Returns {'bypass', reason}, {'hit', body, 1 if nothing has changed since}, {'join' or 'wait', id of who computes, now, changes} or
--   {'lead', stamp, changes, exact, oldest, at, now, changes}: the last five of 'lead' come back with the answer (keep_answer.lua).
--
-- An answer's record: g the stamp (generation and epoch), s the number of changes to its days that had begun when it was begun, x whether
-- none of them was under way, f the oldest event under way, at when it was begun. Keys: answers:a:{project}:{digest}, hashes of a record
-- and its body b; answers:f:{project}:{digest}, of the record and id of one under way; answers:used, a sorted set of the former.
local project, digest, first, last = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local max_age, asked_at, asked_changes = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local leader, fresh, volatile = ARGV[8], ARGV[9], ARGV[10] == '1'
local slack, quiet, patience = tonumber(ARGV[11]), tonumber(ARGV[12]), ARGV[13]
local REG = 'answers:writers'
local FORGET = 600000000
local MOST_DAYS = 4000
local NEVER = 9007199254740991

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local held = redis.call('HMGET', REG, 'run', 'gen', 'born', 'leases')
if not held[1] then return {'bypass', 'no-writer'} end
if held[1] ~= run then return {'bypass', 'restarted'} end
if math.abs(now - tonumber(held[3])) < quiet then return {'bypass', 'restarted'} end
local generation, leases, lapsed, alive = held[2], cmsgpack.unpack(held[4]), {}, 0
for node, till in pairs(leases) do
  if till < now - FORGET then
    lapsed[#lapsed + 1] = node
  elseif till < now or till > now + 60000000 then
    return {'bypass', 'writer-away'}
  else
    alive = alive + 1
  end
end
if #lapsed > 0 then
  for _, node in ipairs(lapsed) do
    leases[node] = nil
    local of = redis.call('HGET', REG, 'of=' .. node)
    for _, other in ipairs(of and cmsgpack.unpack(of) or {}) do redis.call('HDEL', REG, 'm=' .. node .. ':' .. other) end
    redis.call('HDEL', REG, 'of=' .. node)
  end
  generation = fresh
  redis.call('HSET', REG, 'gen', fresh, 'leases', cmsgpack.pack(leases))
end
if alive == 0 then return {'bypass', 'no-writer'} end

-- How often the days that are read have changed, and what is changing them.
local key = 'answers:data:' .. project
local state = redis.call('HMGET', key, 'e', 's', 'log')
if not state[1] then redis.call('HSET', key, 'e', fresh) end
local stamp = generation .. (state[1] or fresh)
local changes, log = tonumber(state[2] or '0'), state[3] and cmsgpack.unpack(state[3]) or {}
local from, to = tonumber(first) or -NEVER, tonumber(last) or NEVER
if to - from < MOST_DAYS then
  local fields = {key}
  for day = from, to do fields[#fields + 1] = 'd=' .. string.format('%.0f', day) end
  changes = 0
  if #fields > 1 then
    for _, number in ipairs(redis.call('HMGET', unpack(fields))) do changes = math.max(changes, tonumber(number or '0')) end
  end
end
local exact, oldest = true, NEVER
for node in pairs(leases) do
  for _, of in ipairs({project, '*'}) do
    local packed = redis.call('HGET', REG, 'm=' .. node .. ':' .. of)
    for _, mark in ipairs(packed and cmsgpack.unpack(packed) or {}) do
      if mark[1] <= to and mark[2] >= from then
        exact = false
        oldest = math.min(oldest, mark[3])
      end
    end
  end
end
asked_at, asked_changes = asked_at or now, asked_changes or changes

-- Whether all that began to change after `number` came in a moment ago.
local function is_recent(received) return received == NEVER or (received >= asked_at - slack and received <= now + slack) end
local function only_recent_since(number)
  if #log > 0 and log[1][1] > number + 1 then return false end  -- the log begins later
  if #log == 0 and tonumber(state[2] or '0') > number then return false end
  for _, change in ipairs(log) do
    if change[1] > number and not is_recent(change[2]) then return false end
  end
  return true
end

local function is_good(record)
  if record[1] ~= stamp then return false end
  local changes_then, at = tonumber(record[2]), tonumber(record[5])
  if at > now + slack then return false end  -- the clock was set back
  if at >= asked_at or at >= asked_at - max_age then return true end
  if volatile and at < asked_at - slack then return false end
  if record[3] == '1' and changes_then >= asked_changes then return true end
  return is_recent(tonumber(record[4])) and only_recent_since(changes_then)
end

local place = project .. ':' .. digest
local answer = 'answers:a:' .. place
local record = redis.call('HMGET', answer, 'g', 's', 'x', 'f', 'at')
if record[1] and is_good(record) then
  redis.call('ZADD', 'answers:used', now, answer)
  local unchanged = record[3] == '1' and tonumber(record[2]) >= changes and exact
  return {'hit', redis.call('HGET', answer, 'b'), unchanged and 1 or 0}
end
local under_way = redis.call('HMGET', 'answers:f:' .. place, 'g', 's', 'x', 'f', 'at', 'id')
if under_way[1] then return {is_good(under_way) and 'join' or 'wait', under_way[6], asked_at, asked_changes} end
if leader == '' then return {'wait', '', asked_at, asked_changes} end
local taken = {string.format('%.0f', changes), exact and '1' or '0', string.format('%.0f', oldest), string.format('%.0f', now)}
redis.call('HSET', 'answers:f:' .. place, 'g', stamp, 's', taken[1], 'x', taken[2], 'f', taken[3], 'at', taken[4], 'id', leader)
redis.call('PEXPIRE', 'answers:f:' .. place, patience)
return {'lead', stamp, taken[1], taken[2], taken[3], taken[4], asked_at, asked_changes}
