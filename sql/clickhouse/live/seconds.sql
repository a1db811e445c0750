-- name: seconds
-- Events per project and second of receipt since `start`: the live counters, counted anew.
-- returns: project_id String, second UInt32, events UInt64
SELECT project_id, toUnixTimestamp(received_at) AS second, count() AS events
FROM events
WHERE received_at >= {start:DateTime64(3, 'UTC')}
GROUP BY project_id, second
ORDER BY project_id, second
LIMIT 1000000
