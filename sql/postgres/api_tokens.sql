-- name: insert
-- One API token, as its hash.
INSERT INTO api_tokens (id, project_id, name, token_hash, last_four, scopes, created_at, expires_at)
VALUES (%(id)s, %(project_id)s, %(name)s, %(token_hash)s, %(last_four)s, %(scopes)s, %(created_at)s, %(expires_at)s);

-- name: page
-- API tokens of a project, oldest first; `after` is the last of the page before.
SELECT id, project_id, name, last_four, scopes, created_at, expires_at, last_used_at
FROM api_tokens
WHERE project_id = %(project_id)s
  AND (%(after_id)s::text IS NULL OR (created_at, id) > (%(after_created_at)s::timestamptz, %(after_id)s::text))
ORDER BY created_at, id
LIMIT %(limit)s;

-- name: by_hash
-- The token behind a secret, or none.
SELECT id, project_id, name, scopes, expires_at FROM api_tokens WHERE token_hash = %(token_hash)s;

-- name: by_id
-- The token with this id, or none.
SELECT id, project_id, name, scopes, expires_at FROM api_tokens WHERE id = %(id)s;

-- name: delete
-- End a token.
DELETE FROM api_tokens WHERE id = %(id)s AND project_id = %(project_id)s RETURNING name, scopes, expires_at;

-- name: note_use
-- When tokens were last used: many at once.
UPDATE api_tokens t SET last_used_at = u.used_at
FROM unnest(%(ids)s::text[], %(used_at)s::timestamptz[]) AS u (id, used_at)
WHERE t.id = u.id AND (t.last_used_at IS NULL OR t.last_used_at < u.used_at);
