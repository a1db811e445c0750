-- name: first_seen_events
-- How many users are seen for the first time within the range in each bucket, per group, from raw events: their running sum is the number
-- of distinct users so far.
-- Filters come first, as in trends/events.
-- slot group: number of the event's group, never constant
-- slot bucket: number of the event's bucket
-- slot filters: boolean expression over events columns
-- returns: group UInt16, bucket UInt32, is_total UInt8 (always 0), value UInt64
SELECT group, first_bucket AS bucket, 0 AS is_total, count() AS value
FROM
(
    SELECT
        /*<group>*/ materialize(toUInt16(1)) /*</group>*/ AS group,
        user_hash,
        min(toUInt32(/*<bucket>*/ toUnixTimestamp(toStartOfDay(timestamp)) /*</bucket>*/)) AS first_bucket
    FROM events
    PREWHERE /*<filters>*/ true /*</filters>*/
    WHERE project_id = {project_id:String}
      AND date BETWEEN {first_date:Date} AND {last_date:Date}
      AND timestamp >= {start:DateTime64(3, 'UTC')} AND timestamp < {end:DateTime64(3, 'UTC')}
      AND expires_on > {today:Date}
    GROUP BY group, user_hash
)
GROUP BY group, first_bucket
