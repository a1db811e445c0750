-- name: insert
-- A query as it begins, or is refused.
INSERT INTO sql_queries (project_id, id, actor, started_at, finished_at, status, code, format, statement, parameters, tables, source)
VALUES (%(project_id)s, %(id)s, %(actor)s, %(started_at)s, %(finished_at)s, %(status)s, %(code)s, %(format)s, %(sql_text)s,
        %(parameters)s, %(tables)s, %(source)s);

-- name: finish
-- How it ended.
UPDATE sql_queries
SET finished_at = %(finished_at)s, status = %(status)s, code = %(code)s, elapsed_ms = %(elapsed_ms)s, rows_read = %(rows_read)s,
    bytes_read = %(bytes_read)s, rows_returned = %(rows_returned)s, bytes_returned = %(bytes_returned)s, truncated = %(truncated)s
WHERE project_id = %(project_id)s AND id = %(id)s;

-- name: ask_to_end
-- A query is to end, in whichever process it runs.
UPDATE sql_queries SET code = 'query-cancelled' WHERE project_id = %(project_id)s AND id = %(id)s AND status = 'running';

-- name: asked_to_end
-- Which of some queries are to end.
SELECT project_id, id
FROM sql_queries
WHERE (project_id, id) IN (SELECT * FROM unnest(%(project_ids)s::text[], %(ids)s::text[]))
  AND status = 'running' AND code = 'query-cancelled';

-- name: find
-- One query of a project.
SELECT id, actor, started_at, finished_at, status, code, format, statement, parameters, tables, elapsed_ms, rows_read, bytes_read,
       rows_returned, bytes_returned, truncated, source
FROM sql_queries WHERE project_id = %(project_id)s AND id = %(id)s;

-- name: page
-- Queries of a project, newest first, of one actor or of all; `before` is the last of the page before.
SELECT id, actor, started_at, finished_at, status, code, format, statement, parameters, tables, elapsed_ms, rows_read, bytes_read,
       rows_returned, bytes_returned, truncated, source
FROM sql_queries
WHERE project_id = %(project_id)s
  AND (%(actor)s::text IS NULL OR actor = %(actor)s::text)
  AND (%(before_id)s::text IS NULL OR (started_at, id) < (%(before_started_at)s::timestamptz, %(before_id)s::text))
ORDER BY started_at DESC, id DESC
LIMIT %(limit)s;

-- name: mentioning
-- Queries of a project in whose text or parameters one of some words stands, after an id.
SELECT id, statement, parameters
FROM sql_queries
WHERE project_id = %(project_id)s AND id > %(after)s AND (statement IS NOT NULL OR parameters IS NOT NULL)
  AND EXISTS (SELECT 1 FROM unnest(%(words)s::text[]) AS word
              WHERE strpos(coalesce(statement, ''), word) > 0 OR strpos(coalesce(parameters::text, ''), word) > 0)
ORDER BY id
LIMIT %(limit)s;

-- name: empty
-- Take away what some queries said.
UPDATE sql_queries SET statement = NULL, parameters = NULL WHERE project_id = %(project_id)s AND id = ANY (%(ids)s::text[]);

-- name: prune
-- Forget what is too old to be kept.
DELETE FROM sql_queries WHERE started_at < %(before)s;

-- name: end_lost
-- What never came to an end ended with its process.
UPDATE sql_queries SET status = 'failed', code = 'interrupted', finished_at = %(now)s WHERE status = 'running' AND started_at < %(before)s;
