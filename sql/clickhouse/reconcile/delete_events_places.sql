-- name: delete_events_places
-- Deletes rows of events in some months (yyyymm) by where they lie: hashes of part and place, as in reconcile/repeats.
-- A part that was merged or changed since has another name: then nothing of it is deleted.
DELETE FROM events
WHERE _partition_id IN {months:Array(String)}
  AND cityHash64(_part, _part_offset) IN {places:Array(UInt64)}
