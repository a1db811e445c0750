-- Add requests that were let in elsewhere to the windows of KEYS (GCRA: domain/rate.py in Redis), never beyond two windows.
-- ARGV: the window in milliseconds, the limit, then the requests of each key. Answers for each: milliseconds until all is there again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[1])
local step = window / tonumber(ARGV[2])
local answer = {}
for index, key in ipairs(KEYS) do
    local full_at = math.max(tonumber(redis.call('GET', key) or now), now) + step * tonumber(ARGV[index + 2])
    full_at = math.min(full_at, now + 2 * window)
    redis.call('SET', key, string.format('%.3f', full_at), 'PX', math.max(1, math.ceil(full_at - now)))
    answer[index] = math.ceil(full_at - now)
end
return answer
