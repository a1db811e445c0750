-- name: new_ids
-- How many events were received since `since`.
-- returns: events UInt64
SELECT count() AS events
FROM events
WHERE received_at >= {since:DateTime64(3, 'UTC')}
