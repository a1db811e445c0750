-- name: delete_quarantined_events
-- Deletes some ids, received in [first, last], from events.
DELETE FROM events
WHERE project_id IN {project_ids:Array(String)}
  AND received_at >= {first:DateTime64(3, 'UTC')} AND received_at <= {last:DateTime64(3, 'UTC')}
  AND id_hash IN {hashes:Array(UInt64)} AND id_check IN {checks:Array(UInt64)}
