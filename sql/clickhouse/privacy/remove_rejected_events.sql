-- name: remove_rejected_events
-- Removes rejected events by their own ids.
ALTER TABLE rejected_events DELETE
WHERE project_id = {project_id:String}
  AND id IN {ids:Array(String)}
