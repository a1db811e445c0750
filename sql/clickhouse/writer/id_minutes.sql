-- name: id_minutes
-- How many ids were received in each minute since `start`, oldest first.
-- returns: minute DateTime('UTC'), ids UInt64
SELECT toStartOfMinute(received_at) AS minute, count() AS ids
FROM event_ids
WHERE received_on >= toDate({start:DateTime64(3, 'UTC')}) AND received_at >= {start:DateTime64(3, 'UTC')}
GROUP BY minute
ORDER BY minute
LIMIT 5000
