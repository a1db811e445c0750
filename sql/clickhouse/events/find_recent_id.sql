-- name: find_recent_id
-- Whether an id was stored of late, and when. The hash is keyed by project, so no project is named.
-- returns: received_at DateTime('UTC')
SELECT received_at
FROM event_ids
WHERE id_hash = {id_hash:UInt64} AND id_check = {id_check:UInt64}
ORDER BY received_at
LIMIT 1
