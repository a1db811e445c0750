-- name: remove_user_timeline
-- Removes what privacy/find_user_timeline finds.
ALTER TABLE user_timeline DELETE
WHERE project_id = {project_id:String}
  AND xxh3(person) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, person))) IN {exact:Array(String)}
