-- name: due_user_timeline
-- The rows of user_timeline for the events received in [first, last].
-- returns: project_id String, date Date, user_hash UInt64, timestamp DateTime64(3, 'UTC'), id_hash UInt64, event String, person String,
-- is_anonymous UInt8, session_id String, expires_on Date
SELECT project_id, date, user_hash, timestamp, id_hash, event, person, user_id = '' AS is_anonymous, session_id, expires_on
FROM events
WHERE project_id IN {project_ids:Array(String)}
  AND received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}
