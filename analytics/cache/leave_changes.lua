-- A process that changed data has ended whole: readers need not wait for its word any more.
-- ARGV: node. Keys: as in mark_changes.lua.
local REG, node = 'answers:writers', ARGV[1]
local held = redis.call('HMGET', REG, 'leases', 'of=' .. node)
if not held[1] then return 0 end
local leases = cmsgpack.unpack(held[1])
leases[node] = nil
redis.call('HSET', REG, 'leases', cmsgpack.pack(leases))
redis.call('HDEL', REG, 'of=' .. node)
return 1
