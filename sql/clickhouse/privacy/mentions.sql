-- name: mentions
-- How many events of others hold one of the needles in their properties or the rest of their context.
-- returns: found UInt64
SELECT count() AS found
FROM events
WHERE project_id = {project_id:String}
  AND arrayExists(needle -> position(properties, needle) > 0 OR position(context_extra, needle) > 0, {needles:Array(String)})
