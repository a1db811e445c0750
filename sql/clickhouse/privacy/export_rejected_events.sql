-- name: export_rejected_events
-- Rejected events of some days that hold one of the needles, of each the newest version; whose they are is in `body`.
-- returns: id String, received_at DateTime64(3, 'UTC'), status, code, detail, event_id, body String, body_bytes UInt64, version UInt64
SELECT id, received_at, status, code, detail, event_id, body, body_bytes, version
FROM rejected_events FINAL
WHERE project_id = {project_id:String}
  AND toDate(received_at) BETWEEN {first:Date} AND {last:Date}
  AND cityHash64(id) % {slices:UInt32} = {slice:UInt32}
  AND (arrayExists(needle -> position(body, needle) > 0 OR position(detail, needle) > 0, {needles:Array(String)}) OR event_id IN {ids:Array(String)})
ORDER BY received_at, id
LIMIT 1000000
