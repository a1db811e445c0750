-- name: remove_events
-- Removes what privacy/find_events finds, also from rows that are deleted already and only hidden.
ALTER TABLE events DELETE
WHERE project_id = {project_id:String}
  AND ((xxh3(user_id) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, user_id))) IN {exact:Array(String)})
    OR (xxh3(anonymous_id) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, anonymous_id))) IN {exact:Array(String)})
    OR (event = '$alias' AND hex(SHA256(concat({nonce:String}, JSONExtractString(properties, 'previous_id')))) IN {exact:Array(String)}))
