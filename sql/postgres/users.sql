-- name: insert
-- One person; the address must be new, whatever its case.
INSERT INTO users (id, email, name, password_hash, is_owner, created_at)
VALUES (%(id)s, %(email)s, %(name)s, %(password_hash)s, %(is_owner)s, %(created_at)s);

-- name: for_sign_in
-- What is needed to check a password.
SELECT id, password_hash FROM users WHERE lower(email) = lower(%(email)s);

-- name: by_email
-- One person without the password, or none.
SELECT id, email, name, is_owner FROM users WHERE lower(email) = lower(%(email)s);

-- name: person
-- One person and all its roles: an object of project id to role.
SELECT u.id, u.email, u.name, u.is_owner,
    coalesce((SELECT jsonb_object_agg(m.project_id, m.role) FROM members m WHERE m.user_id = u.id), '{}') AS roles
FROM users u WHERE u.id = %(id)s;

-- name: has_owner
-- Whether anybody is an owner.
SELECT EXISTS (SELECT FROM users WHERE is_owner) AS found;
