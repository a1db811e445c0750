-- name: events
-- Events per project, minute of receipt and name since `start`, the 300 most frequent names of each minute.
-- returns: project_id String, minute UInt32, event String, events UInt64
SELECT project_id, intDiv(toUnixTimestamp(received_at), 60) AS minute, event, count() AS events
FROM events
WHERE received_at >= {start:DateTime64(3, 'UTC')}
GROUP BY project_id, minute, event
ORDER BY project_id, minute, events DESC, event
LIMIT 300 BY project_id, minute
LIMIT 1000000
