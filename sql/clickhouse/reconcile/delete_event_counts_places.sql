-- name: delete_event_counts_places
-- Deletes rows of event_counts in some months (yyyymm) by where they lie: hashes of part and place, as in reconcile/event_counts_keys.
-- A part that was merged or changed since has another name: then nothing of it is deleted.
DELETE FROM event_counts
WHERE _partition_id IN {months:Array(String)}
  AND cityHash64(_part, _part_offset) IN {places:Array(UInt64)}
