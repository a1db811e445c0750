-- What one process (node) changes now and has begun to change, told before it does. One call is one step, for all readers at once.
-- ARGV: node; 32 random characters; until when the node's word is good (microseconds of this clock); '1' for a new generation, in which
--   nothing kept before is found; MessagePack of {marks, begun, raised}:
--   marks:  {{project, {{first day, last day, oldest}, ...}}, ...}, all that is in flight of this node ('*': every project)
--   begun:  {{project, oldest, {day, ...}}, ...}, what begins with this call
--   raised: {project, ...}, which lose what is kept of them
-- Returns now (microseconds), and 1 if this Redis knew nothing of the node.
--
-- Keys: answers:writers, a hash of run, gen, born, leases, of={node} (projects with marks), m={node}:{project};
--   answers:data:{project}, a hash of e (epoch), s (number of changes), log (the latest changes), d={day} (the change that touched it last).
local node, fresh, lease, renewed = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local told = cmsgpack.unpack(ARGV[5])
local marks, begun, raised = told[1], told[2], told[3]
local REG = 'answers:writers'
local LOGGED = 64
local KEEP_SECONDS = 2592000

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local held = redis.call('HMGET', REG, 'run', 'leases', 'of=' .. node)
local leases, before, unknown = {}, {}, 0

if held[1] ~= run then
  redis.call('DEL', REG)
  redis.call('HSET', REG, 'run', run, 'born', string.format('%.0f', now))
else
  leases = cmsgpack.unpack(held[2])
  if held[3] then before = cmsgpack.unpack(held[3]) end
end
if not leases[node] then unknown, renewed = 1, true end
if renewed then redis.call('HSET', REG, 'gen', fresh) end
leases[node] = math.max(lease, unknown == 0 and leases[node] or 0)

for _, project in ipairs(before) do redis.call('HDEL', REG, 'm=' .. node .. ':' .. project) end
local marked = {}
for _, mark in ipairs(marks) do
  redis.call('HSET', REG, 'm=' .. node .. ':' .. mark[1], cmsgpack.pack(mark[2]))
  marked[#marked + 1] = mark[1]
end
redis.call('HSET', REG, 'leases', cmsgpack.pack(leases), 'of=' .. node, cmsgpack.pack(marked))

for _, project in ipairs(raised) do redis.call('DEL', 'answers:data:' .. project) end
for _, change in ipairs(begun) do
  local key = 'answers:data:' .. change[1]
  redis.call('HSETNX', key, 'e', fresh)
  local number = redis.call('HINCRBY', key, 's', 1)
  local packed = redis.call('HGET', key, 'log')
  local log = packed and cmsgpack.unpack(packed) or {}
  log[#log + 1] = {number, change[2]}
  if #log > LOGGED then table.remove(log, 1) end
  local fields = {key, 'log', cmsgpack.pack(log)}
  for _, day in ipairs(change[3]) do
    fields[#fields + 1] = 'd=' .. string.format('%.0f', day)
    fields[#fields + 1] = number
    if #fields > 4000 then
      redis.call('HSET', unpack(fields))
      fields = {key}
    end
  end
  if #fields > 1 then redis.call('HSET', unpack(fields)) end
  redis.call('EXPIRE', key, KEEP_SECONDS)
end
return {now, unknown}
