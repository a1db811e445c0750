-- name: event_counts
-- One series of totals from the rollup by quarter of an hour; the answer of trends/events, without its reading.
-- Rows of one quarter may not have been merged yet: they are summed here.
-- Filters come first, as in trends/events.
-- slot group: number of the row's group, never constant
-- slot bucket: number of the row's bucket
-- slot filters: boolean expression over the event name
-- returns: group UInt16, bucket UInt32, is_total UInt8, value UInt64
SELECT
    /*<group>*/ materialize(toUInt16(1)) /*</group>*/ AS group,
    toUInt32(/*<bucket>*/ toUnixTimestamp(toStartOfDay(event_counts.bucket)) /*</bucket>*/) AS bucket,
    grouping(bucket) AS is_total,
    sum(events) AS value
FROM event_counts
PREWHERE /*<filters>*/ true /*</filters>*/
WHERE project_id = {project_id:String}
  AND date BETWEEN {first_date:Date} AND {last_date:Date}
  AND event_counts.bucket >= {start:DateTime64(3, 'UTC')} AND event_counts.bucket < {end:DateTime64(3, 'UTC')}
  AND expires_on > {today:Date}
GROUP BY group, bucket WITH ROLLUP
HAVING group > 0
