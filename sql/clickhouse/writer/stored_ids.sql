-- name: stored_ids
-- Which of the ids (by the first half of their hash) are stored. The table holds the last days alone; a bound by the clock would pass over
-- what was received while it was wrong.
-- returns: id_hash UInt64, id_check UInt64
SELECT id_hash, id_check
FROM event_ids
WHERE id_hash IN {hashes:Array(UInt64)}
