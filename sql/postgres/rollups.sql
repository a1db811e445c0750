-- name: lock
-- Whoever makes a rollup takes a table of the pool: one at a time.
SELECT pg_advisory_xact_lock(%(space)s, %(what)s);

-- name: taken
-- The tables of the pool that are taken.
SELECT physical FROM rollups;

-- name: count
-- How many a project has, those being dropped left out.
SELECT count(*) AS rollups FROM rollups WHERE project_id = %(project_id)s AND state <> 'dropping';

-- name: take_name
-- The name, for this project.
INSERT INTO source_names (project_id, name, kind) VALUES (%(project_id)s, %(name)s, 'rollup');

-- name: leave_name
-- The name is free again.
DELETE FROM source_names WHERE project_id = %(project_id)s AND name = %(name)s AND kind = 'rollup';

-- name: insert
-- A rollup that is to be built.
INSERT INTO rollups (id, project_id, name, description, sql, plan, physical, state, created_by, created_at, changed_at)
VALUES (%(id)s, %(project_id)s, %(name)s, %(description)s, %(sql)s, %(plan)s, %(physical)s, 'building', %(created_by)s,
    %(now)s, %(now)s);

-- name: find
-- The one of this name.
SELECT id, project_id, name, description, sql, plan, physical, state, reason, begun, filled_to, days_done, days, created_at, changed_at
FROM rollups WHERE project_id = %(project_id)s AND name = %(name)s AND state <> 'dropping';

-- name: named
-- Those of these names.
SELECT id, project_id, name, description, sql, plan, physical, state, reason, begun, filled_to, days_done, days, created_at, changed_at
FROM rollups WHERE project_id = %(project_id)s AND name = ANY(%(names)s) AND state <> 'dropping'
ORDER BY name;

-- name: page
-- Rollups of a project, oldest first; `after` is the last of the page before.
SELECT id, project_id, name, description, sql, plan, physical, state, reason, begun, filled_to, days_done, days, created_at, changed_at
FROM rollups
WHERE project_id = %(project_id)s AND state <> 'dropping'
  AND (%(after_id)s::text IS NULL OR (created_at, id) > (%(after_created_at)s::timestamptz, %(after_id)s::text))
ORDER BY created_at, id
LIMIT %(limit)s;

-- name: all
-- Those of all projects.
SELECT id, project_id, name, description, sql, plan, physical, state, reason, begun, filled_to, days_done, days, created_at, changed_at
FROM rollups ORDER BY created_at, id;

-- name: turn
-- From one of some states to another, from the beginning.
UPDATE rollups
SET state = %(state)s, reason = %(reason)s, begun = false, filled_to = NULL, days_done = 0, days = 0, changed_at = %(now)s
WHERE id = %(id)s AND state = ANY(%(before)s)
RETURNING id;

-- name: begin
-- The view is there, and so many days are to be computed.
UPDATE rollups SET begun = true, filled_to = NULL, days_done = 0, days = %(days)s WHERE id = %(id)s AND state = 'building' RETURNING id;

-- name: fill
-- How far it is filled.
UPDATE rollups SET filled_to = %(filled_to)s, days_done = %(days_done)s WHERE id = %(id)s AND state = 'building' AND begun RETURNING id;

-- name: activate
-- It is filled.
UPDATE rollups SET state = 'active', changed_at = %(now)s WHERE id = %(id)s AND state = 'building' AND begun RETURNING id;

-- name: remove
-- Its table is gone.
DELETE FROM rollups WHERE id = %(id)s AND state = 'dropping';

-- name: of_project
-- Those of a project, the dropped ones included.
SELECT id, project_id, name, description, sql, plan, physical, state, reason, begun, filled_to, days_done, days, created_at, changed_at
FROM rollups WHERE project_id = %(project_id)s ORDER BY created_at, id;
