-- name: delete_events_places
-- Deletes rows of events by where they lie. A part that was merged or changed since has another name: then nothing of it is deleted.
DELETE FROM events
WHERE (_part, _part_offset) IN {places:Array(Tuple(String, UInt64))}
