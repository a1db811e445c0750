-- name: delete_quarantined_ids
-- Deletes some ids, received in [first, last], from event_ids.
DELETE FROM event_ids
WHERE received_on >= toDate({first:DateTime64(3, 'UTC')}) AND received_on <= toDate({last:DateTime64(3, 'UTC')})
  AND id_hash IN {hashes:Array(UInt64)} AND id_check IN {checks:Array(UInt64)}
