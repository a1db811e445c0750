-- name: event_counts_days
-- The projects' days within [first, last] for which event_counts is not what `events` says. Both sides are summed up: the number
-- of events, and a hash of each event's key, which is as many times in the one sum as in the other only if each key is equally often there.
-- Rows that take away (`odd`) may leave a key with nothing, which no sum shows: such days are named too.
-- Rows that expire by `going` count as gone.
-- returns: project_id String, day Date, true_events Int64, stored_events Int64
SELECT toString(project_id) AS project_id, day, sum(true_n) AS true_events, sum(stored_n) AS stored_events
FROM
(
    SELECT
        project_id,
        date AS day,
        toInt64(count()) AS true_n,
        sum(cityHash64(toString(event), toUnixTimestamp(toStartOfFifteenMinutes(timestamp)), expires_on)) AS true_sum,
        toInt64(0) AS stored_n, toUInt64(0) AS stored_sum, toUInt64(0) AS odd
    FROM events
    WHERE date BETWEEN {first:Date} AND {last:Date}
      AND expires_on > {going:Date}
    GROUP BY project_id, day
    UNION ALL
    SELECT
        project_id,
        date AS day,
        toInt64(0), toUInt64(0),
        sum(events),
        sum(toUInt64(events) * cityHash64(toString(event), toUnixTimestamp(event_counts.bucket), expires_on)),
        countIf(events <= 0)
    FROM event_counts
    WHERE date BETWEEN {first:Date} AND {last:Date}
      AND expires_on > {going:Date}
    GROUP BY project_id, day
)
GROUP BY project_id, day
HAVING true_events != stored_events OR sum(true_sum) != sum(stored_sum) OR sum(odd) > 0
ORDER BY project_id, day
LIMIT 1000000
