-- name: insert
-- One session of a family.
INSERT INTO browser_sessions (token_hash, family_id, created_at, last_seen_at, expires_at)
VALUES (%(token_hash)s, %(family_id)s, %(now)s, %(now)s, %(expires_at)s);

-- name: person
-- Whose session this is, with all roles: nothing if it is unknown, over, was idle since before `idle_since`, or was ended.
SELECT u.id, u.email, u.name, u.is_owner, s.family_id, s.last_seen_at, s.expires_at,
    coalesce((SELECT jsonb_object_agg(m.project_id, m.role) FROM members m WHERE m.user_id = u.id), '{}') AS roles
FROM browser_sessions s
JOIN refresh_families f ON f.id = s.family_id
JOIN users u ON u.id = f.user_id
WHERE s.token_hash = %(token_hash)s AND s.expires_at > %(now)s AND s.last_seen_at > %(idle_since)s
  AND f.revoked_at IS NULL AND u.disabled_at IS NULL;

-- name: seen
-- The session is in use.
UPDATE browser_sessions SET last_seen_at = %(now)s WHERE token_hash = %(token_hash)s AND last_seen_at < %(now)s;
