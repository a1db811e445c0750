-- name: oldest_event
-- When the first event that is still here was received; 1970 if there is none.
-- returns: received_at DateTime64(3, 'UTC')
SELECT min(received_at) AS received_at
FROM events
