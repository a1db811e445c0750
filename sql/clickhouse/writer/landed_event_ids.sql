-- name: landed_event_ids
-- Which ids event_ids holds that were received in [first, last], to the second.
-- returns: id_hash UInt64, id_check UInt64
SELECT id_hash, id_check
FROM event_ids
WHERE received_on >= toDate({first:DateTime64(3, 'UTC')}) AND received_on <= toDate({last:DateTime64(3, 'UTC')})
  AND received_at >= toDateTime({first:DateTime64(3, 'UTC')}) AND received_at <= toDateTime({last:DateTime64(3, 'UTC')})
