-- name: due_event_counts
-- What event_counts must hold for every name and quarter of an hour that events received in [first, last] touch.
-- returns: project_id String, date Date, event String, bucket DateTime('UTC'), expires_on Date, events Int64
SELECT
    project_id,
    date,
    event,
    toDateTime(toStartOfFifteenMinutes(timestamp), 'UTC') AS bucket,
    expires_on,
    toInt64(count()) AS events
FROM events
WHERE expires_on > today()
  AND (project_id, date, event) IN (
    SELECT project_id, date, event
    FROM events
    WHERE project_id IN {project_ids:Array(String)}
      AND received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}
)
GROUP BY project_id, date, event, bucket, expires_on
HAVING countIf(received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}) > 0
