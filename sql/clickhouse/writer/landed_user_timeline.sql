-- name: landed_user_timeline
-- Which rows user_timeline holds for the persons and days that events received in [first, last] touch.
-- returns: project_id String, id_hash UInt64
SELECT project_id, id_hash
FROM user_timeline
WHERE (project_id, user_hash, date) IN (
    SELECT project_id, user_hash, date
    FROM events
    WHERE project_id IN {project_ids:Array(String)}
      AND received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}
)
