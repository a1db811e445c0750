-- Removes kept answers: ARGV holds their keys. Keys: as in keep_answer.lua.
for _, key in ipairs(ARGV) do
  redis.call('DEL', key)
  redis.call('ZREM', 'answers:used', key)
  local size = redis.call('HGET', 'answers:sizes', key)
  if size then
    redis.call('HDEL', 'answers:sizes', key)
    redis.call('HINCRBY', 'answers:sizes', '', -tonumber(size))
  end
end
return #ARGV
