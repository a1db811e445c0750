-- name: touched_days
-- The days of what privacy/find_events finds, by month: what rollups must be compared for afterwards.
-- returns: month UInt32, first Date, last Date, first_local Date, last_local Date
SELECT toYYYYMM(date) AS month, min(date) AS first, max(date) AS last, min(local_date) AS first_local, max(local_date) AS last_local
FROM events
WHERE project_id = {project_id:String}
  AND ((xxh3(user_id) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, user_id))) IN {exact:Array(String)})
    OR (xxh3(anonymous_id) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, anonymous_id))) IN {exact:Array(String)})
    OR (event = '$alias' AND hex(SHA256(concat({nonce:String}, JSONExtractString(properties, 'previous_id')))) IN {exact:Array(String)}))
GROUP BY month
ORDER BY month
