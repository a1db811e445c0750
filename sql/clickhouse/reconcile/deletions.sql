-- name: deletions
-- Deletions of rows of a table that are not done yet, and why one of them fails.
-- returns: deletions UInt64, failure String
SELECT count() AS deletions, max(latest_fail_reason) AS failure
FROM system.mutations
WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done AND position(command, '_row_exists') > 0
