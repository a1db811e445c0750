-- name: running_inserts
-- The inserts that the server is at, into any table of the database.
-- returns: query_id String
SELECT query_id
FROM system.processes
WHERE query_kind = 'Insert' AND current_database = currentDatabase()
ORDER BY query_id
LIMIT 10000
