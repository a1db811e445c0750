-- Keeps an answer, or only says that nobody computes it any more, and makes room: what was used longest ago goes first.
-- ARGV: project; digest; id of who computed it; stamp, changes, exact, oldest, at as find_answer.lua gave them; body ('': keep nothing);
--   milliseconds to keep it; most bytes of all.
-- Returns 1 if it is kept, and the bytes of all.
-- Keys: as in find_answer.lua; answers:sizes, a hash of bytes by key, '' for their sum.
local project, digest, id, stamp, body = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[9]
local keep_ms, most = tonumber(ARGV[10]), tonumber(ARGV[11])
local REG, USED, SIZES = 'answers:writers', 'answers:used', 'answers:sizes'
local OVERHEAD = 512
local AT_ONCE = 100

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local place = project .. ':' .. digest
local answer, under_way = 'answers:a:' .. place, 'answers:f:' .. place
if redis.call('HGET', under_way, 'id') == id then redis.call('DEL', under_way) end

local function total() return tonumber(redis.call('HGET', SIZES, '') or '0') end
local function drop(key)
  redis.call('DEL', key)
  redis.call('ZREM', USED, key)
  local size = redis.call('HGET', SIZES, key)
  if size then
    redis.call('HDEL', SIZES, key)
    redis.call('HINCRBY', SIZES, '', -tonumber(size))
  end
end

if body == '' then return {0, total()} end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local held = redis.call('HMGET', REG, 'run', 'gen')
local epoch = redis.call('HGET', 'answers:data:' .. project, 'e')
if held[1] ~= run or not held[2] or not epoch or held[2] .. epoch ~= stamp then return {0, total()} end
local kept = redis.call('HMGET', answer, 'g', 'at')
if kept[1] == stamp and tonumber(kept[2]) > tonumber(ARGV[8]) then return {0, total()} end

drop(answer)
for _, key in ipairs(redis.call('ZRANGEBYSCORE', USED, '-inf', now - keep_ms * 1000, 'LIMIT', 0, AT_ONCE)) do drop(key) end
local size = #body + #answer + OVERHEAD
if size > most then return {0, total()} end
while total() + size > most do
  local first = redis.call('ZRANGE', USED, 0, 0)[1]
  if not first then
    redis.call('DEL', SIZES)
    break
  end
  drop(first)
end
redis.call('HSET', answer, 'g', stamp, 's', ARGV[5], 'x', ARGV[6], 'f', ARGV[7], 'at', ARGV[8], 'b', body)
redis.call('PEXPIRE', answer, keep_ms)
redis.call('ZADD', USED, now, answer)
redis.call('HSET', SIZES, answer, size)
return {1, redis.call('HINCRBY', SIZES, '', size)}
