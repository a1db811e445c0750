-- name: repeats
-- Rows of events that repeat an id of their project, in any partition; the first received is none of them. Looks at ids received since
-- `since` whose hash leaves `slice` when divided by `slices`.
-- `collapses`: a merge may take this row for the first (same sorting key, same version), so it must be deleted by its place.
-- returns: month UInt32, id_hash UInt64, row_key UInt64, collapses UInt8, place UInt64
SELECT toYYYYMM(date) AS month, id_hash, row_key, collapses, place
FROM
(
    SELECT
        date,
        id_hash,
        cityHash64(project_id, date, event, user_hash, id_hash, id_check, timestamp, received_at) AS row_key,
        first_value((date, event, user_hash, version)) OVER repeats = (date, event, user_hash, version) AS collapses,
        row_number() OVER repeats AS number,
        cityHash64(_part, _part_offset) AS place
    FROM events
    WHERE expires_on > {today:Date}
      AND id_hash IN (
        SELECT id_hash
        FROM events
        WHERE expires_on > {today:Date}
          AND id_hash % {slices:UInt32} = {slice:UInt32}
          AND id_hash IN (
            SELECT id_hash
            FROM events
            WHERE received_at >= {since:DateTime64(3, 'UTC')} AND id_hash % {slices:UInt32} = {slice:UInt32}
        )
        GROUP BY id_hash
        HAVING count() > 1
    )
    WINDOW repeats AS (
        PARTITION BY project_id, id_hash, id_check
        ORDER BY received_at, timestamp, event, user_hash, _part, _part_offset
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
)
WHERE number > 1
ORDER BY month, id_hash, row_key, place
LIMIT {rows:UInt32}
