-- name: newest_keys
-- Keys of the newest received events within a window of receipt, newest first. Narrow columns only; the rows are read by events/by_keys.
-- The cursor (before, before_hash, before_check) is the key after which to go on, exclusive.
-- slot filters: boolean expression over events columns
-- returns: received_at DateTime64(3, 'UTC'), id_hash UInt64, id_check UInt64, date Date
SELECT received_at, id_hash, id_check, date
FROM events
WHERE project_id = {project_id:String}
  AND received_at >= {since:DateTime64(3, 'UTC')}
  AND received_at <= {before:DateTime64(3, 'UTC')}
  AND (received_at, id_hash, id_check) < ({before:DateTime64(3, 'UTC')}, {before_hash:UInt64}, {before_check:UInt64})
  AND expires_on > {today:Date}
  AND /*<filters>*/ true /*</filters>*/
ORDER BY received_at DESC, id_hash DESC, id_check DESC
LIMIT {rows:UInt32}
