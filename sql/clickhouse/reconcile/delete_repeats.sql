-- name: delete_repeats
-- Deletes rows of events in some months (yyyymm) by the hash of all that tells one row of an id from another (see reconcile/repeats).
DELETE FROM events
WHERE toYYYYMM(date) IN {months:Array(UInt32)}
  AND id_hash IN {hashes:Array(UInt64)}
  AND cityHash64(project_id, date, event, user_hash, id_hash, id_check, timestamp, received_at) IN {row_keys:Array(UInt64)}
