-- name: event_days
-- The days on which a project has events, and how many.
-- returns: day Date, events UInt64
SELECT date AS day, count() AS events
FROM events
WHERE project_id = {project_id:String}
GROUP BY day
ORDER BY day
LIMIT 100000
