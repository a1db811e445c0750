-- name: user_timeline_days
-- The projects' days within [first, last] for which user_timeline is not what `events` says. Both sides are summed up: the number
-- of events, and a hash of each event's key, which is as many times in the one sum as in the other only if each key is equally often there.
-- Rows that expire by `going` count as gone.
-- returns: project_id String, day Date, true_events Int64, stored_events Int64
SELECT toString(project_id) AS project_id, day, sum(true_n) AS true_events, sum(stored_n) AS stored_events
FROM
(
    SELECT
        project_id,
        date AS day,
        toInt64(count()) AS true_n,
        sum(cityHash64(user_hash, timestamp, id_hash, toString(event), person, toUInt8(user_id = ''), session_id, expires_on)) AS true_sum,
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
        toInt64(count()),
        sum(cityHash64(user_hash, timestamp, id_hash, toString(event), person, is_anonymous, session_id, expires_on)),
        toUInt64(0)
    FROM user_timeline
    WHERE date BETWEEN {first:Date} AND {last:Date}
      AND expires_on > {going:Date}
    GROUP BY project_id, day
)
GROUP BY project_id, day
HAVING true_events != stored_events OR sum(true_sum) != sum(stored_sum) OR sum(odd) > 0
ORDER BY project_id, day
LIMIT 1000000
