-- name: newest
-- Refused and quarantined events of one project, newest received first; of each the newest version. The cursor (before, before_id) is exclusive.
-- slot filters: boolean expression over rejected_events columns
-- returns: id String, received_at DateTime64(3, 'UTC'), status, code, detail, event_id, body String, body_bytes UInt64, version UInt64
SELECT id, received_at, status, code, detail, event_id, body, body_bytes, version
FROM rejected_events FINAL
WHERE project_id = {project_id:String}
  AND received_at <= {before:DateTime64(3, 'UTC')}
  AND (received_at, id) < ({before:DateTime64(3, 'UTC')}, {before_id:String})
  AND /*<filters>*/ true /*</filters>*/
ORDER BY received_at DESC, id DESC
LIMIT {rows:UInt32}
