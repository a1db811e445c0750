-- Count one request against each caller of KEYS, or against none if one of them is over its limit (GCRA: domain/rate.py in Redis).
-- ARGV: the window in milliseconds, then the limit of each caller. Answers for each: remaining, milliseconds until all is there again,
-- milliseconds to wait (0: within the limit).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[1])
local answer, full_ats, refused = {}, {}, false
for index, key in ipairs(KEYS) do
    local step = window / tonumber(ARGV[index + 1])
    local full_at = math.max(tonumber(redis.call('GET', key) or now), now)
    local wait = full_at + step - window - now
    if wait > 0.001 then
        refused = true
        answer[index] = {0, math.ceil(full_at - now), math.ceil(wait)}
    else
        full_ats[index] = full_at + step
        answer[index] = {math.floor((now + window - full_at - step) / step + 0.001), math.ceil(full_at + step - now), 0}
    end
end
if not refused then
    for index, key in ipairs(KEYS) do
        redis.call('SET', key, string.format('%.3f', full_ats[index]), 'PX', math.max(1, math.ceil(full_ats[index] - now)))
    end
end
return answer
