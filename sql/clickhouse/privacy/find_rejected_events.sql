-- name: find_rejected_events
-- Which rejected events have one of the needles in what was sent or said of it, or one of the ids as their own.
-- returns: id String
SELECT DISTINCT id
FROM rejected_events
WHERE project_id = {project_id:String}
  AND (arrayExists(needle -> position(body, needle) > 0 OR position(detail, needle) > 0, {needles:Array(String)}) OR event_id IN {ids:Array(String)})
ORDER BY id
LIMIT {rows:UInt32}
