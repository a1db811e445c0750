-- name: insert
-- One write key; the key itself must be new, also among the revoked.
INSERT INTO write_keys (id, project_id, name, key, created_at, allowed_origins)
VALUES (%(id)s, %(project_id)s, %(name)s, %(key)s, %(created_at)s, %(allowed_origins)s);

-- name: page
-- Write keys of a project, oldest first, the revoked too; `after` is the last of the page before.
SELECT id, project_id, name, key, created_at, revoked_at, ends_at, allowed_origins
FROM write_keys
WHERE project_id = %(project_id)s
  AND (%(after_id)s::text IS NULL OR (created_at, id) > (%(after_created_at)s::timestamptz, %(after_id)s::text))
ORDER BY created_at, id
LIMIT %(limit)s;

-- name: by_key
-- Whom a key belongs to, revoked or not.
SELECT id, project_id, name, key, created_at, revoked_at, ends_at, allowed_origins FROM write_keys WHERE key = %(key)s;

-- name: count_of_project
-- How many keys a project ever had.
SELECT count(*) AS keys FROM write_keys WHERE project_id = %(project_id)s;

-- name: oldest_good
-- The first key of a project that is still good.
SELECT key FROM write_keys WHERE project_id = %(project_id)s AND revoked_at IS NULL AND ends_at IS NULL ORDER BY created_at, id LIMIT 1;

-- name: revoke
-- End a key of a project; touches nothing if it is not there or was ended before.
UPDATE write_keys SET revoked_at = %(now)s WHERE id = %(id)s AND project_id = %(project_id)s AND revoked_at IS NULL RETURNING name;

-- name: find_good
-- A key of a project that is good and was not told to end, locked until the transaction is over.
SELECT id, project_id, name, key, created_at, revoked_at, ends_at, allowed_origins
FROM write_keys
WHERE id = %(id)s AND project_id = %(project_id)s AND revoked_at IS NULL AND ends_at IS NULL
FOR UPDATE;

-- name: end_at
-- Let a key end by itself.
UPDATE write_keys SET ends_at = %(ends_at)s WHERE id = %(id)s AND project_id = %(project_id)s;

-- name: find
-- Name and origins of a key that is not revoked, locked until the transaction is over.
SELECT name, allowed_origins FROM write_keys WHERE id = %(id)s AND project_id = %(project_id)s AND revoked_at IS NULL FOR UPDATE;

-- name: update
-- Name and origins of a key that is not revoked; nothing else of it ever changes.
UPDATE write_keys SET name = coalesce(%(name)s::text, name), allowed_origins = coalesce(%(allowed_origins)s::text[], allowed_origins)
WHERE id = %(id)s AND project_id = %(project_id)s AND revoked_at IS NULL
RETURNING id, project_id, name, key, created_at, revoked_at, ends_at, allowed_origins;
