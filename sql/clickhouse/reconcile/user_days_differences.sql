-- name: user_days_differences
-- Hashes of the keys of some projects' days for which user_days is not what `events` says: how many events there are, how many it counts.
-- Only those whose hash leaves `slice` when divided by `slices`: that bounds the memory.
-- returns: key UInt64 (as in reconcile/user_days_keys), true_events Int64, stored_events Int64
SELECT key, sum(true_n) AS true_events, sum(stored_n) AS stored_events
FROM
(
    SELECT
        cityHash64(project_id, local_date, event, user_hash, person, toUInt8(user_id = ''), expires_on) AS key,
        toInt64(1) AS true_n, toInt64(0) AS stored_n
    FROM events
    WHERE project_id IN {projects:Array(String)}
      AND date BETWEEN {first:Date} - 1 AND {last:Date} + 1
      AND (project_id, local_date) IN {days:Array(Tuple(String, Date))}
      AND expires_on > {going:Date}
    UNION ALL
    SELECT
        cityHash64(project_id, local_date, event, user_hash, person, is_anonymous, expires_on) AS key,
        toInt64(0), events
    FROM user_days
    WHERE (project_id, local_date) IN {days:Array(Tuple(String, Date))}
      AND expires_on > {going:Date}
)
WHERE key % {slices:UInt32} = {slice:UInt32}
GROUP BY key
HAVING true_events != stored_events OR true_events = 0
ORDER BY key
LIMIT {rows:UInt32}
