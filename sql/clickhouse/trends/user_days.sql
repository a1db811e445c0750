-- name: user_days
-- One series of distinct users from the rollup by user and day; the answer of trends/events in the project's zone.
-- Rows of one user and day may not have been merged yet, which a distinct count does not mind.
-- Filters come first, as in trends/events.
-- slot group: number of the row's group, never constant
-- slot bucket: number of the row's bucket
-- slot filters: boolean expression over the event name
-- returns: group UInt16, bucket UInt32, is_total UInt8, value UInt64
SELECT
    /*<group>*/ materialize(toUInt16(1)) /*</group>*/ AS group,
    toUInt32(/*<bucket>*/ toInt32(local_date) /*</bucket>*/) AS bucket,
    grouping(bucket) AS is_total,
    uniqExact(user_hash) AS value
FROM user_days
PREWHERE /*<filters>*/ true /*</filters>*/
WHERE project_id = {project_id:String}
  AND local_date BETWEEN {first_day:Date} AND {last_day:Date}
  AND expires_on > {today:Date}
GROUP BY group, bucket WITH ROLLUP
HAVING group > 0
