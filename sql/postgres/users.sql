-- name: insert
-- One person; the address must be new, whatever its case.
INSERT INTO users (id, email, name, password_hash, is_owner, created_at)
VALUES (%(id)s, %(email)s, %(name)s, %(password_hash)s, %(is_owner)s, %(created_at)s);

-- name: for_sign_in
-- What is needed to check a password, and whether a second factor is to be asked for.
SELECT u.id, u.email, u.password_hash, u.credentials_version, u.disabled_at,
    EXISTS (SELECT FROM second_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL) AS has_second_factor
FROM users u WHERE lower(u.email) = lower(%(email)s);

-- name: for_password
-- What is needed to check a password of somebody signed in.
SELECT id, email, password_hash, credentials_version, disabled_at FROM users WHERE id = %(id)s;

-- name: by_email
-- One person without the password, or none.
SELECT id, email, name, is_owner FROM users WHERE lower(email) = lower(%(email)s);

-- name: person
-- One person and all its roles: an object of project id to role. Nothing for who is shut out, or whose sign-in (unless that is null) ended.
SELECT u.id, u.email, u.name, u.is_owner,
    coalesce((SELECT jsonb_object_agg(m.project_id, m.role) FROM members m WHERE m.user_id = u.id), '{}') AS roles
FROM users u
WHERE u.id = %(id)s AND u.disabled_at IS NULL
  AND (%(family_id)s::text IS NULL
    OR EXISTS (SELECT FROM refresh_families f WHERE f.id = %(family_id)s::text AND f.user_id = u.id AND f.revoked_at IS NULL));

-- name: has_owner
-- Whether anybody is an owner.
SELECT EXISTS (SELECT FROM users WHERE is_owner) AS found;

-- name: page
-- Everybody, by address; `after` is the last (lower-case) address of the page before.
SELECT u.id, u.email, u.name, u.is_owner, u.created_at, u.disabled_at, u.last_sign_in_at,
    coalesce((SELECT jsonb_object_agg(p.slug, m.role) FROM members m JOIN projects p ON p.id = m.project_id WHERE m.user_id = u.id), '{}')
        AS roles
FROM users u
WHERE %(after)s::text IS NULL OR lower(u.email) > %(after)s::text
ORDER BY lower(u.email)
LIMIT %(limit)s;

-- name: record
-- One of them.
SELECT u.id, u.email, u.name, u.is_owner, u.created_at, u.disabled_at, u.last_sign_in_at,
    coalesce((SELECT jsonb_object_agg(p.slug, m.role) FROM members m JOIN projects p ON p.id = m.project_id WHERE m.user_id = u.id), '{}')
        AS roles
FROM users u WHERE lower(u.email) = lower(%(email)s);

-- name: lock_owners
-- Owners who may sign in, locked: of two changes at once one waits and then sees the other.
SELECT id FROM users WHERE is_owner AND disabled_at IS NULL ORDER BY id FOR UPDATE;

-- name: update
-- Name, ownership and whether the person is shut out.
UPDATE users SET name = %(name)s, is_owner = %(is_owner)s, disabled_at = %(disabled_at)s WHERE id = %(id)s;

-- name: set_password
-- Another password; nothing if the credentials changed since `credentials_version` was read.
UPDATE users SET password_hash = %(password_hash)s, credentials_version = credentials_version + 1
WHERE id = %(id)s AND disabled_at IS NULL AND credentials_version = %(credentials_version)s;

-- name: raise_version
-- Whatever sign-in is being checked now begins nothing.
UPDATE users SET credentials_version = credentials_version + 1 WHERE id = %(id)s;

-- name: signed_in
-- The person signs in; nothing if meanwhile they were shut out or got other credentials, for whose change this waits.
UPDATE users SET last_sign_in_at = %(now)s
WHERE id = %(id)s AND disabled_at IS NULL AND credentials_version = %(credentials_version)s;
