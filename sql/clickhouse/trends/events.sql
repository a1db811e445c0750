-- name: events
-- One series from raw events: a value per group and bucket, and per group over the whole range (is_total); empty buckets are absent.
-- Serves: every metric, filter, breakdown, zone and interval. Groups are numbers; 1 is the only one unless a breakdown fills the slot.
-- Filters are read first (PREWHERE), and of what passes them the range: left to itself the engine reads the range first, a step a column.
-- slot group: number of the event's group, never constant
-- slot bucket: number of the event's bucket
-- slot measure: the metric, an aggregate over events columns
-- slot filters: boolean expression over events columns
-- returns: group UInt16, bucket UInt32, is_total UInt8, value UInt64 or Nullable(Float64)
SELECT
    /*<group>*/ materialize(toUInt16(1)) /*</group>*/ AS group,
    toUInt32(/*<bucket>*/ toUnixTimestamp(toStartOfDay(timestamp)) /*</bucket>*/) AS bucket,
    grouping(bucket) AS is_total,
    /*<measure>*/ count() /*</measure>*/ AS value
FROM events
PREWHERE /*<filters>*/ true /*</filters>*/
WHERE project_id = {project_id:String}
  AND date BETWEEN {first_date:Date} AND {last_date:Date}
  AND timestamp >= {start:DateTime64(3, 'UTC')} AND timestamp < {end:DateTime64(3, 'UTC')}
  AND expires_on > {today:Date}
GROUP BY group, bucket WITH ROLLUP
HAVING group > 0
