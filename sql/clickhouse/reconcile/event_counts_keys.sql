-- name: event_counts_keys
-- The keys of some projects' days for which event_counts is not what `events` says: how many events there are, how many it counts, and the
-- places of its rows, as hashes. Only keys whose hash leaves `slice` when divided by `slices` and, unless `all_keys`, is one of `keys`.
-- returns: key UInt64, true_events Int64, stored_events Int64, places Array(UInt64), project_id String, date Date, event String, bucket UInt32, expires_on Date
SELECT
    cityHash64(k_project_id, k_date, k_event, k_bucket, k_expires_on) AS key,
    sum(true_n) AS true_events,
    sum(stored_n) AS stored_events,
    groupArrayArray(row_places) AS places,
    k_project_id AS project_id, k_date AS date, k_event AS event, k_bucket AS bucket, k_expires_on AS expires_on
FROM
(
    SELECT
        toString(project_id) AS k_project_id, date AS k_date, toString(event) AS k_event,
        toUnixTimestamp(toStartOfFifteenMinutes(timestamp)) AS k_bucket, expires_on AS k_expires_on, toInt64(count()) AS true_n,
        toInt64(0) AS stored_n, CAST([], 'Array(UInt64)') AS row_places
    FROM events
    WHERE (project_id, date) IN {days:Array(Tuple(String, Date))}
      AND expires_on > {going:Date}
      AND cityHash64(k_project_id, k_date, k_event, k_bucket, k_expires_on)
        % {slices:UInt32} = {slice:UInt32}
      AND ({all_keys:UInt8} OR
        cityHash64(k_project_id, k_date, k_event, k_bucket, k_expires_on)
        IN {keys:Array(UInt64)})
    GROUP BY k_project_id, k_date, k_event, k_bucket, k_expires_on
    UNION ALL
    SELECT
        toString(project_id) AS k_project_id, date AS k_date, toString(event) AS k_event,
        toUnixTimestamp(event_counts.bucket) AS k_bucket, expires_on AS k_expires_on, toInt64(0), sum(events),
        groupArray(cityHash64(_part, _part_offset))
    FROM event_counts
    WHERE (project_id, date) IN {days:Array(Tuple(String, Date))}
      AND expires_on > {going:Date}
      AND cityHash64(k_project_id, k_date, k_event, k_bucket, k_expires_on)
        % {slices:UInt32} = {slice:UInt32}
      AND ({all_keys:UInt8} OR
        cityHash64(k_project_id, k_date, k_event, k_bucket, k_expires_on)
        IN {keys:Array(UInt64)})
    GROUP BY k_project_id, k_date, k_event, k_bucket, k_expires_on
)
GROUP BY k_project_id, k_date, k_event, k_bucket, k_expires_on
HAVING true_events != stored_events OR true_events = 0
ORDER BY key
LIMIT {rows:UInt32}
