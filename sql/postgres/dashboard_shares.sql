-- name: insert
-- A link, as the hash of its token.
INSERT INTO dashboard_shares (id, project_id, dashboard_id, token_hash, password_hash, filters, created_at, expires_at)
VALUES (%(id)s, %(project_id)s, %(dashboard_id)s, %(token_hash)s, %(password_hash)s, %(filters)s, %(created_at)s, %(expires_at)s);

-- name: count
-- How many a dashboard has.
SELECT count(*) AS shares FROM dashboard_shares WHERE dashboard_id = %(dashboard_id)s;

-- name: page
-- Links to a dashboard, oldest first; `after` is the last of the page before.
SELECT id, project_id, dashboard_id, password_hash, filters, created_at, expires_at
FROM dashboard_shares
WHERE project_id = %(project_id)s AND dashboard_id = %(dashboard_id)s
  AND (%(after_id)s::text IS NULL OR (created_at, id) > (%(after_created_at)s::timestamptz, %(after_id)s::text))
ORDER BY created_at, id
LIMIT %(limit)s;

-- name: by_hash
-- The link behind a token, or none.
SELECT id, project_id, dashboard_id, password_hash, filters, created_at, expires_at
FROM dashboard_shares WHERE token_hash = %(token_hash)s;

-- name: delete
-- End a link.
DELETE FROM dashboard_shares
WHERE project_id = %(project_id)s AND dashboard_id = %(dashboard_id)s AND id = %(id)s
RETURNING created_at, expires_at;

-- name: mentioning
-- Links of a project whose fixed filters hold one of some words.
SELECT id, filters
FROM dashboard_shares
WHERE project_id = %(project_id)s
  AND EXISTS (SELECT 1 FROM unnest(%(words)s::text[]) AS word WHERE strpos(filters::text, word) > 0);

-- name: end
-- End links, whosever they are.
DELETE FROM dashboard_shares WHERE project_id = %(project_id)s AND id = ANY (%(ids)s::text[]);
