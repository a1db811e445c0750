-- name: stored_ids
-- Which of the ids (by the first half of their hash) are stored, received since `start`.
-- returns: id_hash UInt64, id_check UInt64
SELECT id_hash, id_check
FROM event_ids
WHERE received_on >= toDate({start:DateTime64(3, 'UTC')}) AND id_hash IN {hashes:Array(UInt64)}
