-- name: insert_family
-- The family of one sign-in.
INSERT INTO refresh_families (id, user_id, created_at) VALUES (%(id)s, %(user_id)s, %(created_at)s);

-- name: insert
-- The next token of a family.
INSERT INTO refresh_tokens (token_hash, family_id, created_at, expires_at)
VALUES (%(token_hash)s, %(family_id)s, %(created_at)s, %(expires_at)s);

-- name: find
-- A token and its family, locked: of two uses at once one waits, and then is the second.
SELECT t.family_id, t.expires_at, t.used_at, f.user_id, f.revoked_at
FROM refresh_tokens t JOIN refresh_families f ON f.id = t.family_id
WHERE t.token_hash = %(token_hash)s
FOR UPDATE;

-- name: use
-- The token is used up.
UPDATE refresh_tokens SET used_at = %(now)s WHERE token_hash = %(token_hash)s;

-- name: revoke_family
-- No token of the family is good any more.
UPDATE refresh_families SET revoked_at = %(now)s, revoked_because = %(because)s WHERE id = %(family_id)s AND revoked_at IS NULL;

-- name: revoke_all
-- No family of the person is good any more, but the one to keep, if there is one.
UPDATE refresh_families SET revoked_at = %(now)s, revoked_because = %(because)s
WHERE user_id = %(user_id)s AND revoked_at IS NULL AND id IS DISTINCT FROM %(keep)s::text;

-- name: forget_old
-- Families of a person whose newest token or session is over are of no more use.
DELETE FROM refresh_families f
WHERE f.user_id = %(user_id)s
  AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.family_id = f.id AND t.expires_at > %(now)s)
  AND NOT EXISTS (SELECT FROM browser_sessions s WHERE s.family_id = f.id AND s.expires_at > %(now)s);
