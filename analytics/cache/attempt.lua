-- Count a try for each of KEYS, unless one of them must wait: answers the seconds to wait, "0" if it may go on.
-- ARGV: longest wait, seconds until forgotten, then the free tries of each key.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local wait = 0
for _, key in ipairs(KEYS) do
  wait = math.max(wait, tonumber(redis.call('HGET', key, 'until') or '0') - now)
end
if wait > 0 then
  return string.format('%.3f', wait)
end
for place, key in ipairs(KEYS) do
  local over = redis.call('HINCRBY', key, 'count', 1) - tonumber(ARGV[place + 2])
  if over >= 0 then
    redis.call('HSET', key, 'until', string.format('%.3f', now + math.min(2 ^ math.min(over, 30), tonumber(ARGV[1]))))
  end
  redis.call('EXPIRE', key, ARGV[2])
end
return '0'
