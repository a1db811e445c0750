-- name: landed_event_counts
-- What event_counts holds for the days and names that events received in [first, last] touch.
-- returns: project_id String, date Date, event String, bucket DateTime('UTC'), expires_on Date, events Int64
SELECT project_id, date, event, bucket, expires_on, sum(events) AS events
FROM event_counts
WHERE (project_id, date, event) IN (
    SELECT project_id, date, event
    FROM events
    WHERE project_id IN {project_ids:Array(String)}
      AND received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}
)
GROUP BY project_id, date, event, bucket, expires_on
