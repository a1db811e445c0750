-- name: due_user_days
-- What user_days must hold for every person, day and name that events received in [first, last] touch.
-- A day of a project's zone lies in at most three UTC days, by which the table is ordered.
-- returns: project_id String, local_date Date, event String, user_hash UInt64, person String, is_anonymous UInt8, expires_on Date,
-- events Int64
SELECT
    project_id,
    local_date,
    event,
    user_hash,
    person,
    user_id = '' AS is_anonymous,
    expires_on,
    toInt64(count()) AS events
FROM events
WHERE expires_on > today()
  AND (project_id, date) IN (
    SELECT project_id, arrayJoin([local_date - 1, local_date, local_date + 1])
    FROM events
    WHERE project_id IN {project_ids:Array(String)}
      AND received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}
)
  AND (project_id, local_date, event, user_hash) IN (
    SELECT project_id, local_date, event, user_hash
    FROM events
    WHERE project_id IN {project_ids:Array(String)}
      AND received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}
)
GROUP BY project_id, local_date, event, user_hash, person, is_anonymous, expires_on
HAVING countIf(received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}) > 0
