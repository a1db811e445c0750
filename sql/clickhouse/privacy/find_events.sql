-- name: find_events
-- How many rows of events are of a person: that carry one of the ids as user, as anonymous user, or as the former id of an alias.
-- Ids are compared by two hashes, so that no id stands in a statement that the engine keeps on disk (see privacy/remove_events).
-- returns: found UInt64
SELECT count() AS found
FROM events
WHERE project_id = {project_id:String}
  AND ((xxh3(user_id) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, user_id))) IN {exact:Array(String)})
    OR (xxh3(anonymous_id) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, anonymous_id))) IN {exact:Array(String)})
    OR (event = '$alias' AND hex(SHA256(concat({nonce:String}, JSONExtractString(properties, 'previous_id')))) IN {exact:Array(String)}))
