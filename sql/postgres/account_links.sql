-- name: put
-- An open link, in the place of an older one of the same kind, address and project.
INSERT INTO account_links (token_hash, kind, email, name, user_id, project_id, role, created_by, created_at, expires_at)
VALUES (%(token_hash)s, %(kind)s, %(email)s, %(name)s, %(user_id)s, %(project_id)s, %(role)s, %(created_by)s, %(created_at)s,
    %(expires_at)s)
ON CONFLICT (kind, lower(email), coalesce(project_id, '')) DO UPDATE
SET token_hash = excluded.token_hash, email = excluded.email, name = excluded.name, user_id = excluded.user_id, role = excluded.role,
    created_by = excluded.created_by, created_at = excluded.created_at, expires_at = excluded.expires_at;

-- name: find
-- The link behind a token, if it is open still.
SELECT kind, email, name, user_id, project_id, role FROM account_links WHERE token_hash = %(token_hash)s AND expires_at > %(now)s;

-- name: take
-- Use a link up: of two at once one gets it.
DELETE FROM account_links WHERE token_hash = %(token_hash)s AND expires_at > %(now)s
RETURNING kind, email, name, user_id, project_id, role;

-- name: forget_resets
-- A person's open reset is of no use after another change of the password.
DELETE FROM account_links WHERE kind = 'reset' AND user_id = %(user_id)s;

-- name: forget_old
-- Links that are over.
DELETE FROM account_links WHERE expires_at <= %(now)s;
