-- name: lock
-- One after the other: how often something happened lately is counted.
SELECT pg_advisory_xact_lock(hashtext('sql_suspensions'));

-- name: in_force
-- The suspension of one of some subjects that ends last.
SELECT kind, ends_at
FROM sql_suspensions
WHERE (kind, subject) IN (SELECT * FROM unnest(%(kinds)s::text[], %(subjects)s::text[])) AND lifted_at IS NULL AND ends_at > %(now)s
ORDER BY ends_at DESC
LIMIT 1;

-- name: lately
-- How often a subject was suspended since a moment, but for what was lifted, and whether it is now.
SELECT count(*) AS times, coalesce(bool_or(ends_at > %(now)s), false) AS in_force
FROM sql_suspensions
WHERE kind = %(kind)s AND subject = %(subject)s AND lifted_at IS NULL AND began_at > %(since)s;

-- name: callers_lately
-- How many callers were suspended in a project since a moment.
SELECT count(DISTINCT subject) AS callers
FROM sql_suspensions
WHERE project_id = %(project_id)s AND kind = 'caller' AND lifted_at IS NULL AND began_at > %(since)s;

-- name: insert
-- A suspension that begins now.
INSERT INTO sql_suspensions (id, project_id, kind, subject, actor, query_id, strike, began_at, ends_at)
VALUES (%(id)s, %(project_id)s, %(kind)s, %(subject)s, %(actor)s, %(query_id)s, %(strike)s, %(began_at)s, %(ends_at)s);

-- name: forget
-- What began so long ago that it counts no more.
DELETE FROM sql_suspensions WHERE began_at < %(before)s;

-- name: page
-- Suspensions that came from a project, newest first; `before` is the last of the page before.
SELECT id, kind, actor, query_id, strike, began_at, ends_at, lifted_at
FROM sql_suspensions
WHERE project_id = %(project_id)s
  AND (%(before_id)s::text IS NULL OR (began_at, id) < (%(before_began_at)s::timestamptz, %(before_id)s::text))
ORDER BY began_at DESC, id DESC
LIMIT %(limit)s;

-- name: lift
-- End a suspension now; it counts no more.
UPDATE sql_suspensions SET lifted_at = %(now)s WHERE project_id = %(project_id)s AND id = %(id)s AND lifted_at IS NULL
RETURNING kind, actor, query_id;

-- name: find
-- Whether there is such a suspension.
SELECT id FROM sql_suspensions WHERE project_id = %(project_id)s AND id = %(id)s;

-- name: count
-- How many are in force.
SELECT count(*) AS suspensions FROM sql_suspensions WHERE lifted_at IS NULL AND ends_at > %(now)s;
