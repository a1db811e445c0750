-- name: event_counts_differences
-- Hashes of the keys of some projects' days for which event_counts is not what `events` says: how many events there are, how many
-- it counts. Only those whose hash leaves `slice` when divided by `slices`: that bounds the memory.
-- returns: key UInt64 (as in reconcile/event_counts_keys), true_events Int64, stored_events Int64
SELECT key, sum(true_n) AS true_events, sum(stored_n) AS stored_events
FROM
(
    SELECT
        cityHash64(project_id, date, event, toUnixTimestamp(toStartOfFifteenMinutes(timestamp)), expires_on) AS key,
        toInt64(1) AS true_n, toInt64(0) AS stored_n
    FROM events
    WHERE (project_id, date) IN {days:Array(Tuple(String, Date))}
      AND expires_on > {going:Date}
    UNION ALL
    SELECT
        cityHash64(project_id, date, event, toUnixTimestamp(event_counts.bucket), expires_on) AS key,
        toInt64(0), events
    FROM event_counts
    WHERE (project_id, date) IN {days:Array(Tuple(String, Date))}
      AND expires_on > {going:Date}
)
WHERE key % {slices:UInt32} = {slice:UInt32}
GROUP BY key
HAVING true_events != stored_events OR true_events = 0
ORDER BY key
LIMIT {rows:UInt32}
