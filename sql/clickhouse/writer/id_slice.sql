-- name: id_slice
-- The distinct ids received in [start, end), in no order.
-- returns: id_hash UInt64, id_check UInt64
SELECT DISTINCT id_hash, id_check
FROM event_ids
WHERE received_on >= toDate({start:DateTime('UTC')}) AND received_on <= toDate({end:DateTime('UTC')})
  AND received_at >= {start:DateTime('UTC')} AND received_at < {end:DateTime('UTC')}
