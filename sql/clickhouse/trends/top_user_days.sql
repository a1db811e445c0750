-- name: top_user_days
-- The names with the most distinct users over the whole range, from the rollup by user and day, largest first; equal ones by name.
-- Filters come first, as in trends/events.
-- slot filters: boolean expression over the event name
-- returns: text String
SELECT toString(event) AS text
FROM user_days
PREWHERE /*<filters>*/ true /*</filters>*/
WHERE project_id = {project_id:String}
  AND local_date BETWEEN {first_day:Date} AND {last_day:Date}
  AND expires_on > {today:Date}
GROUP BY text
ORDER BY uniqExact(user_hash) DESC, text
LIMIT {groups:UInt32}
