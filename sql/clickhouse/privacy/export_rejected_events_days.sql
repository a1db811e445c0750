-- name: export_rejected_events_days
-- How many rejected events hold one of the needles, by day of receipt; see privacy/find_rejected_events.
-- returns: day Date, entries UInt64, size UInt64
SELECT toDate(received_at) AS day, count() AS entries, sum(length(body) + 1000) AS size
FROM rejected_events
WHERE project_id = {project_id:String}
  AND (arrayExists(needle -> position(body, needle) > 0 OR position(detail, needle) > 0, {needles:Array(String)}) OR event_id IN {ids:Array(String)})
GROUP BY day
ORDER BY day
LIMIT 100000
