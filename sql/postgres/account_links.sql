-- name: put
-- An open link, in the place of an older one of the same kind, address and project.
INSERT INTO account_links (token_hash, kind, email, name, user_id, project_id, role, created_by, created_at, expires_at)
VALUES (%(token_hash)s, %(kind)s, %(email)s, %(name)s, %(user_id)s, %(project_id)s, %(role)s, %(created_by)s, %(created_at)s,
    %(expires_at)s)
ON CONFLICT (kind, lower(email), coalesce(project_id, '')) DO UPDATE
SET id = excluded.id, token_hash = excluded.token_hash, email = excluded.email, name = excluded.name, user_id = excluded.user_id, role = excluded.role,
    created_by = excluded.created_by, created_at = excluded.created_at, expires_at = excluded.expires_at;

-- name: find
-- The link behind a token, if it is open still.
SELECT kind, email, name, user_id, project_id, role FROM account_links WHERE token_hash = %(token_hash)s AND expires_at > %(now)s;

-- name: take
-- Use a link up: of two at once one gets it.
DELETE FROM account_links WHERE token_hash = %(token_hash)s AND expires_at > %(now)s
RETURNING kind, email, name, user_id, project_id, role;

-- name: invitations
-- Open invitations, of one project or of all, oldest first; `after_created_at` and `after_id` are those of the last one of the page before.
SELECT id, email, name, project_id, role, created_at, expires_at
FROM account_links
WHERE kind = 'invitation' AND expires_at > %(now)s
  AND (%(project_id)s::text IS NULL OR project_id = %(project_id)s::text)
  AND (%(after_id)s::text IS NULL OR (created_at, id) > (%(after_created_at)s::timestamptz, %(after_id)s::text))
ORDER BY created_at, id
LIMIT %(limit)s;

-- name: cancel_invitation
-- One invitation is good no more.
DELETE FROM account_links
WHERE kind = 'invitation' AND id = %(id)s AND (%(project_id)s::text IS NULL OR project_id = %(project_id)s::text)
RETURNING email, project_id, role;

-- name: forget_unfounded
-- Invitations made by a person who, as things are now, might not make them any more.
DELETE FROM account_links l
WHERE l.kind = 'invitation' AND l.created_by = %(user_id)s
  AND NOT EXISTS (
    SELECT FROM users u LEFT JOIN members m ON m.user_id = u.id AND m.project_id = l.project_id AND m.role = 'admin'
    WHERE u.id = %(user_id)s AND u.disabled_at IS NULL AND (u.is_owner OR m.user_id IS NOT NULL));

-- name: forget_resets
-- A person's open reset is of no use after another change of the password.
DELETE FROM account_links WHERE kind = 'reset' AND user_id = %(user_id)s;

-- name: forget_old
-- Links that are over.
DELETE FROM account_links WHERE expires_at <= %(now)s;
