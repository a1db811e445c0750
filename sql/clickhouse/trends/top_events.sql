-- name: top_events
-- The largest groups of one series over the whole range, from raw events, largest first; equal ones by name, the missing value last.
-- Filters come first, as in trends/events.
-- slot text: the property's text, empty where it is missing
-- slot measure: the metric, an aggregate over events columns
-- slot filters: boolean expression over events columns
-- returns: text String
SELECT toString(/*<text>*/ event /*</text>*/) AS text
FROM events
PREWHERE /*<filters>*/ true /*</filters>*/
WHERE project_id = {project_id:String}
  AND date BETWEEN {first_date:Date} AND {last_date:Date}
  AND timestamp >= {start:DateTime64(3, 'UTC')} AND timestamp < {end:DateTime64(3, 'UTC')}
  AND expires_on > {today:Date}
GROUP BY text
ORDER BY /*<measure>*/ count() /*</measure>*/ DESC NULLS LAST, text = '', text
LIMIT {groups:UInt32}
