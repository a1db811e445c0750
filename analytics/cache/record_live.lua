-- Adds one stored batch to the live counters, once per token.
-- ARGV[1]: MessagePack of {token, now (Unix seconds), projects, run, tokens}; a project is
--   {id, seconds, events, users, sessions, minutes, days}
--   seconds:  {{second, count}, ...}
--   events:   {{minute, name, count}, ...}
--   users, sessions: {{minute, first, last, form}, ...}: bytes first..last of ARGV[2] are, by form, 0 members of 8 bytes, 1 members that
--   are not kept exactly, 2 a sketch
-- ARGV[2]: those bytes, since cmsgpack knows no binary strings.
-- A recount (run is not ''): minutes lists those to start from nothing, days are {{day, total}, ...} to set; `tokens` are the batches it
-- includes, which never count again; `run` names the running Redis that holds it.
-- Returns 1 counted, 0 counted before, 2 Redis is new: recount.
--
-- Keys (all expire): live:{id}:seconds:{minute} hash, live:{id}:events:{minute} hash, live:{id}:day:{day} number,
--   live:{id}:users:{minute} and :sessions:{minute} HyperLogLog; live:{id}:users and :sessions sorted sets of members by minute, exact
--   while small; live:{id}:users:from and :sessions:from, the first minute from which those are whole.
local batch, bytes = cmsgpack.unpack(ARGV[1]), ARGV[2]
local token, now, projects, run, tokens = batch[1], batch[2], batch[3], batch[4], batch[5]
local NAMES = 300      -- event names kept a minute; further ones count under ''
local EXACT = 4000     -- members kept exactly in a window
local DAY = 86400

local recount = run ~= ''

if recount then
  redis.call('SET', 'live:run', run)
  for _, included in ipairs(tokens) do redis.call('SET', 'live:batch:' .. included, '1', 'EX', 3600) end
else
  if redis.call('EXISTS', 'live:run') == 0 then return 2 end
  if not redis.call('SET', 'live:batch:' .. token, '1', 'NX', 'EX', 3600) then return 0 end
end

-- Counters outlive their window by two minutes, by our clock and not by Redis's.
local function expire(key, minute, window)
  redis.call('EXPIRE', key, math.max(1, minute * 60 + window + 120 - now))
end

local function add_seconds(id, seconds)
  local days, minutes = {}, {}
  for _, entry in ipairs(seconds) do
    local second, count = entry[1], entry[2]
    local day = math.floor(second / DAY)
    days[day] = (days[day] or 0) + count
    if second > now - 660 then
      local minute = math.floor(second / 60)
      local key = 'live:' .. id .. ':seconds:' .. string.format('%.0f', minute)
      redis.call('HINCRBY', key, string.format('%.0f', second), count)
      minutes[minute] = key
    end
  end
  for minute, key in pairs(minutes) do expire(key, minute, 660) end
  for day, count in pairs(days) do
    if day >= math.floor(now / DAY) - 1 then
      local key = 'live:' .. id .. ':day:' .. string.format('%.0f', day)
      redis.call('INCRBY', key, count)
      redis.call('EXPIRE', key, 2 * DAY)
    end
  end
end

-- One read and one write a minute, however many names: calls are what a script pays for.
local function add_events(id, events)
  local minutes = {}
  for _, entry in ipairs(events) do
    local minute, name, count = entry[1], entry[2], entry[3]
    if minute * 60 > now - 3720 then
      local names = minutes[minute]
      if not names then
        names = {}
        minutes[minute] = names
      end
      names[#names + 1] = name
      names[#names + 1] = count
    end
  end
  for minute, names in pairs(minutes) do
    local key = 'live:' .. id .. ':events:' .. string.format('%.0f', minute)
    local size = redis.call('HLEN', key)
    local others = 0
    for first = 1, #names, 2000 do
      local last = math.min(first + 1999, #names)
      local fields, changed = {key}, {key}
      for at = first, last, 2 do fields[#fields + 1] = names[at] end
      local held = redis.call('HMGET', unpack(fields))
      for at = first, last, 2 do
        local value = held[(at - first) / 2 + 1]
        if not value and size >= NAMES then
          others = others + names[at + 1]
        else
          if not value then size = size + 1 end
          changed[#changed + 1] = names[at]
          changed[#changed + 1] = string.format('%.0f', (tonumber(value or '0')) + names[at + 1])
        end
      end
      if #changed > 1 then redis.call('HSET', unpack(changed)) end
    end
    if others > 0 then redis.call('HINCRBY', key, '', others) end
    expire(key, minute, 3660)
  end
end

local function add_members(id, kind, window, entries)
  local exact = 'live:' .. id .. ':' .. kind
  local from_key = exact .. ':from'
  local from = tonumber(redis.call('GET', from_key) or '0')
  local touched = false
  for _, entry in ipairs(entries) do
    local minute, first, last, form = entry[1], entry[2], entry[3], entry[4]
    if minute * 60 > now - window - 60 then
      local label = string.format('%.0f', minute)
      local key = exact .. ':' .. label
      if form == 2 then
        local other = key .. ':in'
        redis.call('SET', other, string.sub(bytes, first, last))
        redis.call('PFMERGE', key, other)
        redis.call('DEL', other)
        from = math.max(from, minute + 1)
        touched = true
      else
        local pf, z = {key}, {exact, 'GT'}
        if form == 1 and minute >= from then
          from = minute + 1
          touched = true
        end
        for at = first, last, 8 do
          local member = string.sub(bytes, at, at + 7)
          pf[#pf + 1] = member
          z[#z + 1] = label
          z[#z + 1] = member
        end
        if #pf > 1 then
          redis.call('PFADD', unpack(pf))
          if minute >= from then
            redis.call('ZADD', unpack(z))
            touched = true
          end
        end
      end
      expire(key, minute, window)
    end
  end
  if not touched then return end
  redis.call('ZREMRANGEBYSCORE', exact, '-inf', '(' .. string.format('%.0f', math.floor((now - window) / 60)))
  if from > 0 or redis.call('ZCARD', exact) > EXACT then
    if redis.call('ZCARD', exact) > EXACT then from = math.max(from, math.floor(now / 60) + 1) end
    redis.call('ZREMRANGEBYSCORE', exact, '-inf', '(' .. string.format('%.0f', from))
    redis.call('SET', from_key, string.format('%.0f', from), 'EX', math.max(1, from * 60 - now) + window + 120)
  end
  redis.call('EXPIRE', exact, window + 120)
end

for _, project in ipairs(projects) do
  local id = project[1]
  for _, minute in ipairs(project[6]) do
    local label = string.format('%.0f', minute)
    redis.call('DEL', 'live:' .. id .. ':seconds:' .. label, 'live:' .. id .. ':events:' .. label)
  end
  add_seconds(id, project[2])
  add_events(id, project[3])
  add_members(id, 'users', 300, project[4])
  add_members(id, 'sessions', 1800, project[5])
  for _, entry in ipairs(project[7]) do
    redis.call('SET', 'live:' .. id .. ':day:' .. string.format('%.0f', entry[1]), entry[2], 'EX', 2 * DAY)
  end
end
return 1
