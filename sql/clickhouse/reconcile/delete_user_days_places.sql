-- name: delete_user_days_places
-- Deletes rows of user_days in some months (yyyymm) by where they lie: hashes of part and place, as in reconcile/user_days_keys.
-- A part that was merged or changed since has another name: then nothing of it is deleted.
DELETE FROM user_days
WHERE _partition_id IN {months:Array(String)}
  AND cityHash64(_part, _part_offset) IN {places:Array(UInt64)}
