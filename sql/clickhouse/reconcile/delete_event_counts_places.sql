-- name: delete_event_counts_places
-- Deletes rows of event_counts by where they lie. A part that was merged or changed since has another name: then nothing of it is deleted.
DELETE FROM event_counts
WHERE (_part, _part_offset) IN {places:Array(Tuple(String, UInt64))}
