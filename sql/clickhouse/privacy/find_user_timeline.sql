-- name: find_user_timeline
-- How many rows of user_timeline are of a person; compared by two hashes, as in privacy/find_events.
-- returns: found UInt64
SELECT count() AS found
FROM user_timeline
WHERE project_id = {project_id:String}
  AND xxh3(person) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, person))) IN {exact:Array(String)}
