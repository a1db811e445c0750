-- name: user_timeline_keys
-- The keys of some projects' days for which user_timeline is not what `events` says: how many events there are, how many it counts, and the
-- places of its rows, as hashes. Only keys whose hash leaves `slice` when divided by `slices` and, unless `all_keys`, is one of `keys`.
-- returns: key UInt64, true_events Int64, stored_events Int64, places Array(UInt64), project_id String, date Date, user_hash UInt64, timestamp DateTime64(3, 'UTC'), id_hash UInt64, event String, person String, is_anonymous UInt8, session_id String, expires_on Date
SELECT
    cityHash64(k_project_id, k_date, k_user_hash, k_timestamp, k_id_hash, k_event, k_person, k_is_anonymous, k_session_id, k_expires_on) AS key,
    sum(true_n) AS true_events,
    sum(stored_n) AS stored_events,
    groupArrayArray(row_places) AS places,
    k_project_id AS project_id, k_date AS date, k_user_hash AS user_hash, k_timestamp AS timestamp, k_id_hash AS id_hash,
    k_event AS event, k_person AS person, k_is_anonymous AS is_anonymous, k_session_id AS session_id, k_expires_on AS expires_on
FROM
(
    SELECT
        toString(project_id) AS k_project_id, date AS k_date, user_hash AS k_user_hash, timestamp AS k_timestamp,
        id_hash AS k_id_hash, toString(event) AS k_event, person AS k_person, toUInt8(user_id = '') AS k_is_anonymous,
        session_id AS k_session_id, expires_on AS k_expires_on, toInt64(count()) AS true_n, toInt64(0) AS stored_n,
        CAST([], 'Array(UInt64)') AS row_places
    FROM events
    WHERE (project_id, date) IN {days:Array(Tuple(String, Date))}
      AND expires_on > {going:Date}
      AND cityHash64(k_project_id, k_date, k_user_hash, k_timestamp, k_id_hash, k_event, k_person, k_is_anonymous, k_session_id, k_expires_on)
        % {slices:UInt32} = {slice:UInt32}
      AND ({all_keys:UInt8} OR
        cityHash64(k_project_id, k_date, k_user_hash, k_timestamp, k_id_hash, k_event, k_person, k_is_anonymous, k_session_id, k_expires_on)
        IN {keys:Array(UInt64)})
    GROUP BY k_project_id, k_date, k_user_hash, k_timestamp, k_id_hash, k_event, k_person, k_is_anonymous, k_session_id, k_expires_on
    UNION ALL
    SELECT
        toString(project_id) AS k_project_id, date AS k_date, user_hash AS k_user_hash, timestamp AS k_timestamp,
        id_hash AS k_id_hash, toString(event) AS k_event, person AS k_person, is_anonymous AS k_is_anonymous,
        session_id AS k_session_id, expires_on AS k_expires_on, toInt64(0), toInt64(count()), groupArray(cityHash64(_part, _part_offset))
    FROM user_timeline
    WHERE (project_id, date) IN {days:Array(Tuple(String, Date))}
      AND expires_on > {going:Date}
      AND cityHash64(k_project_id, k_date, k_user_hash, k_timestamp, k_id_hash, k_event, k_person, k_is_anonymous, k_session_id, k_expires_on)
        % {slices:UInt32} = {slice:UInt32}
      AND ({all_keys:UInt8} OR
        cityHash64(k_project_id, k_date, k_user_hash, k_timestamp, k_id_hash, k_event, k_person, k_is_anonymous, k_session_id, k_expires_on)
        IN {keys:Array(UInt64)})
    GROUP BY k_project_id, k_date, k_user_hash, k_timestamp, k_id_hash, k_event, k_person, k_is_anonymous, k_session_id, k_expires_on
)
GROUP BY k_project_id, k_date, k_user_hash, k_timestamp, k_id_hash, k_event, k_person, k_is_anonymous, k_session_id, k_expires_on
HAVING true_events != stored_events OR true_events = 0
ORDER BY key
LIMIT {rows:UInt32}
