-- name: id_minutes
-- How many ids were received in each minute that table event_ids holds, newest first.
-- returns: minute DateTime('UTC'), ids UInt64
SELECT toStartOfMinute(received_at) AS minute, count() AS ids
FROM event_ids
GROUP BY minute
ORDER BY minute DESC
LIMIT 20000
