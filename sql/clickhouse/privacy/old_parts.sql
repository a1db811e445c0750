-- name: old_parts
-- The parts of a table that are on disk though they are not read any more.
-- returns: name String
SELECT name
FROM system.parts
WHERE database = currentDatabase() AND table = {table:String} AND NOT active
ORDER BY name
LIMIT 1000000
