-- name: landed_user_days
-- What user_days holds for the persons, days and names that events received in [first, last] touch.
-- returns: project_id String, local_date Date, event String, user_hash UInt64, person String, is_anonymous UInt8, expires_on Date, events Int64
SELECT project_id, local_date, event, user_hash, person, is_anonymous, expires_on, sum(events) AS events
FROM user_days
WHERE (project_id, local_date, event, user_hash) IN (
    SELECT project_id, local_date, event, user_hash
    FROM events
    WHERE project_id IN {project_ids:Array(String)}
      AND received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}
)
GROUP BY project_id, local_date, event, user_hash, person, is_anonymous, expires_on
