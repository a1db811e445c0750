-- name: find_id
-- Whether an id is stored at all: reads one narrow column of the whole project. Ask events/find_recent_id first.
-- returns: received_at DateTime64(3, 'UTC')
SELECT received_at
FROM events
PREWHERE id_hash = {id_hash:UInt64}
WHERE project_id = {project_id:String} AND id_check = {id_check:UInt64}
ORDER BY received_at
LIMIT 1
