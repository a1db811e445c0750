-- name: own_tables
-- The tables of own rollups among some names: what their comments say, and whether each has its view.
-- returns: name String, comment String, fed UInt8
SELECT name, comment, toUInt8(concat(name, '_feed') IN (SELECT name FROM system.tables WHERE database = currentDatabase())) AS fed
FROM system.tables
WHERE database = currentDatabase() AND name IN {names:Array(String)}
ORDER BY name
LIMIT 1000
