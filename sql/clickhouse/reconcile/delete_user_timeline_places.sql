-- name: delete_user_timeline_places
-- Deletes rows of user_timeline by where they lie. A part that was merged or changed since has another name: then nothing of it is deleted.
DELETE FROM user_timeline
WHERE (_part, _part_offset) IN {places:Array(Tuple(String, UInt64))}
