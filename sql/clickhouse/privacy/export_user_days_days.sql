-- name: export_user_days_days
-- How much of user_days is of a person, by day; see privacy/export_events_days.
-- returns: day Date, entries UInt64, size UInt64
SELECT local_date AS day, count() AS entries, count() * 500 AS size
FROM user_days
WHERE project_id = {project_id:String}
  AND expires_on > {today:Date}
  AND xxh3(person) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, person))) IN {exact:Array(String)}
GROUP BY day
ORDER BY day
LIMIT 100000
