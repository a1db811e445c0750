-- name: removals_under_way
-- How many changes of a table are not done yet.
-- returns: changes UInt64
SELECT count() AS changes
FROM system.mutations
WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done
