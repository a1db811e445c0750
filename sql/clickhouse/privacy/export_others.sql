-- name: export_others
-- How many events carry an id of a person and count for somebody else: on a device that several persons use.
-- returns: found UInt64
SELECT count() AS found
FROM events
WHERE project_id = {project_id:String}
  AND expires_on > {today:Date}
  AND xxh3(anonymous_id) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, anonymous_id))) IN {exact:Array(String)}
  AND NOT (xxh3(person) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, person))) IN {exact:Array(String)})
