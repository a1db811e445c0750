-- name: runs
-- Reconciliations, newest first, after the key (before, before_id), exclusive.
-- returns: id String, status String, reason String, full UInt8, requested_at DateTime64(3, 'UTC'), started_at DateTime64(3, 'UTC'), finished_at DateTime64(3, 'UTC'), complete_until DateTime64(3, 'UTC'), phase String, steps_done UInt32, steps UInt32, removed UInt64, drift Map(String, UInt64), parts Map(String, UInt64), error String
SELECT
    id, status, reason, full, requested_at, started_at, finished_at, complete_until, phase, steps_done, steps, removed, drift,
    if({with_parts:UInt8}, parts, CAST(map(), 'Map(String, UInt64)')) AS parts, error
FROM reconciliations FINAL
WHERE (requested_at, id) < ({before:DateTime64(3, 'UTC')}, {before_id:String})
  AND ({id:String} = '' OR id = {id:String})
  AND (empty({statuses:Array(String)}) OR status IN {statuses:Array(String)})
ORDER BY requested_at DESC, id DESC
LIMIT {rows:UInt32}
