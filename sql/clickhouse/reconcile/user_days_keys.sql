-- name: user_days_keys
-- The keys of some projects' days for which user_days is not what `events` says: how many events there are, how many it counts, and the
-- places of its rows, as hashes. Only keys whose hash leaves `slice` when divided by `slices` and, unless `all_keys`, is one of `keys`.
-- returns: key UInt64, true_events Int64, stored_events Int64, places Array(UInt64), project_id String, local_date Date, event String, user_hash UInt64, person String, is_anonymous UInt8, expires_on Date
SELECT
    cityHash64(k_project_id, k_local_date, k_event, k_user_hash, k_person, k_is_anonymous, k_expires_on) AS key,
    sum(true_n) AS true_events,
    sum(stored_n) AS stored_events,
    groupArrayArray(row_places) AS places,
    k_project_id AS project_id, k_local_date AS local_date, k_event AS event, k_user_hash AS user_hash, k_person AS person,
    k_is_anonymous AS is_anonymous, k_expires_on AS expires_on
FROM
(
    SELECT
        toString(project_id) AS k_project_id, local_date AS k_local_date, toString(event) AS k_event, user_hash AS k_user_hash,
        person AS k_person, toUInt8(user_id = '') AS k_is_anonymous, expires_on AS k_expires_on, toInt64(count()) AS true_n,
        toInt64(0) AS stored_n, CAST([], 'Array(UInt64)') AS row_places
    FROM events
    WHERE project_id IN {projects:Array(String)}
      AND date BETWEEN {first:Date} - 1 AND {last:Date} + 1
      AND (project_id, local_date) IN {days:Array(Tuple(String, Date))}
      AND expires_on > {going:Date}
      AND cityHash64(k_project_id, k_local_date, k_event, k_user_hash, k_person, k_is_anonymous, k_expires_on)
        % {slices:UInt32} = {slice:UInt32}
      AND ({all_keys:UInt8} OR
        cityHash64(k_project_id, k_local_date, k_event, k_user_hash, k_person, k_is_anonymous, k_expires_on)
        IN {keys:Array(UInt64)})
    GROUP BY k_project_id, k_local_date, k_event, k_user_hash, k_person, k_is_anonymous, k_expires_on
    UNION ALL
    SELECT
        toString(project_id) AS k_project_id, local_date AS k_local_date, toString(event) AS k_event, user_hash AS k_user_hash,
        person AS k_person, is_anonymous AS k_is_anonymous, expires_on AS k_expires_on, toInt64(0), sum(events),
        groupArray(cityHash64(_part, _part_offset))
    FROM user_days
    WHERE (project_id, local_date) IN {days:Array(Tuple(String, Date))}
      AND expires_on > {going:Date}
      AND cityHash64(k_project_id, k_local_date, k_event, k_user_hash, k_person, k_is_anonymous, k_expires_on)
        % {slices:UInt32} = {slice:UInt32}
      AND ({all_keys:UInt8} OR
        cityHash64(k_project_id, k_local_date, k_event, k_user_hash, k_person, k_is_anonymous, k_expires_on)
        IN {keys:Array(UInt64)})
    GROUP BY k_project_id, k_local_date, k_event, k_user_hash, k_person, k_is_anonymous, k_expires_on
)
GROUP BY k_project_id, k_local_date, k_event, k_user_hash, k_person, k_is_anonymous, k_expires_on
HAVING true_events != stored_events OR true_events = 0
ORDER BY key
LIMIT {rows:UInt32}
