-- name: delete_user_timeline_places
-- Deletes rows of user_timeline in some months (yyyymm) by where they lie: hashes of part and place, as in reconcile/user_timeline_keys.
-- A part that was merged or changed since has another name: then nothing of it is deleted.
DELETE FROM user_timeline
WHERE _partition_id IN {months:Array(String)}
  AND cityHash64(_part, _part_offset) IN {places:Array(UInt64)}
