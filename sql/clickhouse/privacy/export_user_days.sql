-- name: export_user_days
-- On which day a person did what how often; only names whose hash leaves `slice` when divided by `slices`.
-- returns: local_date Date, event String, person String, is_anonymous UInt8, events Int64
SELECT local_date, toString(event) AS event, person, is_anonymous, sum(user_days.events) AS events
FROM user_days
WHERE project_id = {project_id:String}
  AND local_date BETWEEN {first:Date} AND {last:Date}
  AND expires_on > {today:Date}
  AND cityHash64(event, person) % {slices:UInt32} = {slice:UInt32}
  AND xxh3(person) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, person))) IN {exact:Array(String)}
GROUP BY local_date, event, person, is_anonymous
HAVING events > 0
ORDER BY local_date, event, person, is_anonymous
LIMIT 1000000
