-- name: landed_events
-- Ids of the events of some projects that were received in [first, last], in no order.
-- returns: id_hash UInt64, id_check UInt64
SELECT id_hash, id_check
FROM events
WHERE project_id IN {project_ids:Array(String)}
  AND received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}
