-- name: parts
-- How many parts a table has.
-- returns: parts UInt64
SELECT count() AS parts
FROM system.parts
WHERE active AND database = currentDatabase() AND table = {table:String}
