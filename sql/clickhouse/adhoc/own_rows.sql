-- name: own_rows
-- How many events a project has: no table holds more rows of it.
-- returns: events Int64
SELECT sum(events) AS events
FROM event_counts
WHERE project_id = {project_id:String}
