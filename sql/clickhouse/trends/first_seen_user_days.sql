-- name: first_seen_user_days
-- The answer of trends/first_seen_events in the project's zone, from the rollup by user and day.
-- Filters come first, as in trends/events.
-- slot group: number of the row's group, never constant
-- slot bucket: number of the row's bucket
-- slot filters: boolean expression over the event name
-- returns: group UInt16, bucket UInt32, is_total UInt8 (always 0), value UInt64
SELECT group, first_bucket AS bucket, 0 AS is_total, count() AS value
FROM
(
    SELECT
        /*<group>*/ materialize(toUInt16(1)) /*</group>*/ AS group,
        user_hash,
        min(toUInt32(/*<bucket>*/ toInt32(local_date) /*</bucket>*/)) AS first_bucket
    FROM user_days
    PREWHERE /*<filters>*/ true /*</filters>*/
    WHERE project_id = {project_id:String}
      AND local_date BETWEEN {first_day:Date} AND {last_day:Date}
      AND expires_on > {today:Date}
    GROUP BY group, user_hash
)
GROUP BY group, first_bucket
