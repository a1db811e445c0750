-- name: own_rows
-- How many rows some tables have.
-- returns: name String, rows UInt64
SELECT table AS name, sum(rows) AS rows
FROM system.parts
WHERE active AND database = currentDatabase() AND table IN {names:Array(String)}
GROUP BY name
ORDER BY name
LIMIT 1000
