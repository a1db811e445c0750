-- name: newest_keys
-- Keys of the newest received events within a window of receipt, newest first. Narrow columns only; the rows are read by events/by_keys.
-- The cursor (before, before_hash, before_check) is the key after which to go on, exclusive. It is no part of PREWHERE: the halves of the
-- hash do not compress, and are read only where the other conditions left something.
-- slot filters: boolean expression over events columns
-- returns: received_at DateTime64(3, 'UTC'), id_hash UInt64, id_check UInt64, date Date, event String
SELECT received_at, id_hash, id_check, date, event
FROM events
PREWHERE project_id = {project_id:String}
  AND /*<filters>*/ true /*</filters>*/
  AND received_at >= {since:DateTime64(3, 'UTC')}
  AND received_at <= {before:DateTime64(3, 'UTC')}
  AND expires_on > {today:Date}
WHERE received_at < {before:DateTime64(3, 'UTC')} OR (id_hash, id_check) < ({before_hash:UInt64}, {before_check:UInt64})
ORDER BY received_at DESC, id_hash DESC, id_check DESC
LIMIT {rows:UInt32}
