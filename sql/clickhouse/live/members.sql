-- name: members
-- Distinct users and sessions (hashes) per project and minute of receipt since `start`, at most 100,000 of each in a minute.
-- returns: project_id String, minute UInt32, users Array(UInt64), sessions Array(UInt64)
SELECT
    project_id,
    intDiv(toUnixTimestamp(received_at), 60) AS minute,
    groupUniqArray(100000)(user_hash) AS users,
    groupUniqArrayIf(100000)(xxh3(session_id), session_id != '') AS sessions
FROM events
WHERE received_at >= {start:DateTime64(3, 'UTC')}
GROUP BY project_id, minute
ORDER BY project_id, minute
LIMIT 100000
