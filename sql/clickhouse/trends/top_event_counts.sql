-- name: top_event_counts
-- The names with the most events over the whole range, from the rollup by quarter of an hour, largest first; equal ones by name.
-- Filters come first, as in trends/events.
-- slot filters: boolean expression over the event name
-- returns: text String
SELECT toString(event) AS text
FROM event_counts
PREWHERE /*<filters>*/ true /*</filters>*/
WHERE project_id = {project_id:String}
  AND date BETWEEN {first_date:Date} AND {last_date:Date}
  AND bucket >= {start:DateTime64(3, 'UTC')} AND bucket < {end:DateTime64(3, 'UTC')}
  AND expires_on > {today:Date}
GROUP BY text
ORDER BY sum(events) DESC, text
LIMIT {groups:UInt32}
