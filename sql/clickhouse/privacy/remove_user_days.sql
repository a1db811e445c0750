-- name: remove_user_days
-- Removes what privacy/find_user_days finds.
ALTER TABLE user_days DELETE
WHERE project_id = {project_id:String}
  AND xxh3(person) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, person))) IN {exact:Array(String)}
