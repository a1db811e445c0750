-- name: export_events_days
-- How much of events counts for a person, by day: what the rows of privacy/export_events are read in bites by. Ids are compared by two
-- hashes, so that none stands in a statement.
-- returns: day Date, entries UInt64, size UInt64
SELECT date AS day, count() AS entries, sum(length(properties) + length(context_extra) + 1000) AS size
FROM events
WHERE project_id = {project_id:String}
  AND expires_on > {today:Date}
  AND xxh3(person) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, person))) IN {exact:Array(String)}
GROUP BY day
ORDER BY day
LIMIT 100000
