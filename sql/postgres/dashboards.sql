-- name: insert
-- A new dashboard, in its first version.
INSERT INTO dashboards (id, project_id, name, version, document, created_at, updated_at, changed_by)
VALUES (%(id)s, %(project_id)s, %(name)s, 1, %(document)s, %(now)s, %(now)s, %(changed_by)s);

-- name: find
-- One dashboard of a project.
SELECT id, project_id, name, version, document, created_at, updated_at, changed_by
FROM dashboards WHERE project_id = %(project_id)s AND id = %(id)s;

-- name: page
-- Dashboards of a project, oldest first; `after` is the last of the page before.
SELECT id, project_id, name, version, document, created_at, updated_at, changed_by
FROM dashboards
WHERE project_id = %(project_id)s
  AND (%(after_id)s::text IS NULL OR (created_at, id) > (%(after_created_at)s::timestamptz, %(after_id)s::text))
ORDER BY created_at, id
LIMIT %(limit)s;

-- name: count
-- How many a project has.
SELECT count(*) AS dashboards FROM dashboards WHERE project_id = %(project_id)s;

-- name: update
-- The next version of a dashboard, if it still is in the one that was read; none if somebody was quicker, or it is gone.
UPDATE dashboards SET name = %(name)s, document = %(document)s, version = version + 1, updated_at = %(now)s, changed_by = %(changed_by)s
WHERE project_id = %(project_id)s AND id = %(id)s AND version = %(version)s
RETURNING version;

-- name: delete
-- Remove a dashboard, if it still is in the version that was read (none named: in any), and its links with it.
DELETE FROM dashboards
WHERE project_id = %(project_id)s AND id = %(id)s AND version = coalesce(%(version)s::integer, version)
RETURNING name, version;

-- name: mentioning
-- Dashboards of a project in which one of some words stands.
SELECT id, project_id, name, version, document, created_at, updated_at, changed_by
FROM dashboards
WHERE project_id = %(project_id)s
  AND EXISTS (SELECT 1 FROM unnest(%(words)s::text[]) AS word WHERE strpos(document::text, word) > 0);
