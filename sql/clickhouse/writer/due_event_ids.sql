-- name: due_event_ids
-- The rows of event_ids for the events received in [first, last].
-- returns: received_on Date, received_at DateTime('UTC'), id_hash UInt64, id_check UInt64
SELECT toDate(received_at) AS received_on, toDateTime(received_at, 'UTC') AS received_at, id_hash, id_check
FROM events AS stored
WHERE project_id IN {project_ids:Array(String)}
  AND stored.received_at >= {first:DateTime64(3, 'UTC')} AND stored.received_at <= {last:DateTime64(3, 'UTC')}
