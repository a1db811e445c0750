-- name: today
-- Events per project received since `start`, the beginning of the day in UTC.
-- returns: project_id String, events UInt64
SELECT project_id, count() AS events
FROM events
WHERE received_at >= {start:DateTime64(3, 'UTC')}
GROUP BY project_id
ORDER BY project_id
LIMIT 1000000
