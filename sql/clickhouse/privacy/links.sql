-- name: links
-- The ids that stand together with any of the given ones on an event that links identities.
-- returns: user_id String, anonymous_id String, previous_id String
SELECT DISTINCT
    user_id,
    if(event = '$identify', anonymous_id, '') AS anonymous_id,
    if(event = '$alias', JSONExtractString(properties, 'previous_id'), '') AS previous_id
FROM events
WHERE project_id = {project_id:String}
  AND event IN ('$identify', '$alias')
  AND (user_id IN {ids:Array(String)}
    OR (event = '$identify' AND events.anonymous_id IN {ids:Array(String)})
    OR (event = '$alias' AND JSONExtractString(properties, 'previous_id') IN {ids:Array(String)}))
ORDER BY user_id, anonymous_id, previous_id
LIMIT {rows:UInt32}
