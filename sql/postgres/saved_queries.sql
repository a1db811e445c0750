-- name: take_name
-- A name for a table of the project's; there is one of each.
INSERT INTO source_names (project_id, name, kind) VALUES (%(project_id)s, %(name)s, %(kind)s);

-- name: leave_name
-- Give a name back, and with it what it stood for.
DELETE FROM source_names WHERE project_id = %(project_id)s AND name = %(name)s AND kind = %(kind)s;

-- name: count
-- How many a project has.
SELECT count(*) AS queries FROM saved_queries WHERE project_id = %(project_id)s;

-- name: insert
-- The first version.
INSERT INTO saved_queries
    (project_id, name, owner, created_at, version, revision, description, question, reads, changed_by, changed_at)
VALUES
    (%(project_id)s, %(name)s, %(actor)s, %(now)s, 1, 1, %(description)s, %(question)s, %(reads)s, %(actor)s, %(now)s)
RETURNING name, owner, created_at, version, revision, description, question, reads, changed_by, changed_at, published_by, published_at,
    max_age_seconds;

-- name: keep_version
-- The version that stands now.
INSERT INTO saved_query_versions (project_id, name, version, description, question, saved_by, saved_at)
SELECT project_id, name, version, description, question, changed_by, changed_at
FROM saved_queries WHERE project_id = %(project_id)s AND name = %(name)s;

-- name: update
-- The next version, if nobody changed it meanwhile (no revision: whatever it is).
UPDATE saved_queries
SET version = version + 1, revision = revision + 1, description = %(description)s, question = %(question)s, reads = %(reads)s,
    changed_by = %(actor)s, changed_at = %(now)s
WHERE project_id = %(project_id)s AND name = %(name)s AND (%(revision)s::int IS NULL OR revision = %(revision)s::int)
RETURNING name, owner, created_at, version, revision, description, question, reads, changed_by, changed_at, published_by, published_at,
    max_age_seconds;

-- name: publish
-- Whether it is published, and how old its answers may be.
UPDATE saved_queries
SET revision = revision + 1, published_by = %(published_by)s, published_at = %(published_at)s, max_age_seconds = %(max_age_seconds)s
WHERE project_id = %(project_id)s AND name = %(name)s
RETURNING name, owner, created_at, version, revision, description, question, reads, changed_by, changed_at, published_by, published_at,
    max_age_seconds;

-- name: lock
-- One, that nobody else changes until the transaction ends.
SELECT revision FROM saved_queries WHERE project_id = %(project_id)s AND name = %(name)s FOR UPDATE;

-- name: find
-- One, or none.
SELECT name, owner, created_at, version, revision, description, question, reads, changed_by, changed_at, published_by, published_at,
    max_age_seconds
FROM saved_queries WHERE project_id = %(project_id)s AND name = %(name)s;

-- name: page
-- Those of a project by name, after a name.
SELECT name, owner, created_at, version, revision, description, question, reads, changed_by, changed_at, published_by, published_at,
    max_age_seconds
FROM saved_queries
WHERE project_id = %(project_id)s AND name > %(after)s
ORDER BY name
LIMIT %(limit)s;

-- name: reachable
-- The SQL behind some names, and behind all names in it.
WITH RECURSIVE reached AS
(
    SELECT name, reads FROM saved_queries
    WHERE project_id = %(project_id)s AND name = ANY (%(names)s::text[]) AND question ->> 'kind' = 'sql'
    UNION
    SELECT further.name, further.reads
    FROM reached
    JOIN saved_queries AS further
      ON further.project_id = %(project_id)s AND further.name = ANY (reached.reads) AND further.question ->> 'kind' = 'sql'
)
SELECT saved_queries.name, saved_queries.question, saved_queries.reads, saved_queries.changed_by
FROM saved_queries
WHERE saved_queries.project_id = %(project_id)s AND saved_queries.name IN (SELECT name FROM reached)
ORDER BY saved_queries.name
LIMIT %(limit)s;

-- name: versions
-- Versions of one, newest first, before a version.
SELECT version, description, question, saved_by, saved_at
FROM saved_query_versions
WHERE project_id = %(project_id)s AND name = %(name)s AND version < %(before)s
ORDER BY version DESC
LIMIT %(limit)s;

-- name: version
-- One version.
SELECT version, description, question, saved_by, saved_at
FROM saved_query_versions
WHERE project_id = %(project_id)s AND name = %(name)s AND version = %(version)s;

-- name: texts
-- All that was saved in a project, a version at a time, after a name and version; version 0 is what stands now.
SELECT name, version, description, question
FROM (
    SELECT name, 0 AS version, description, question FROM saved_queries WHERE project_id = %(project_id)s
    UNION ALL
    SELECT name, version, description, question FROM saved_query_versions WHERE project_id = %(project_id)s
) AS saved
WHERE (name, version) > (%(after_name)s, %(after_version)s::int)
  AND EXISTS (SELECT 1 FROM unnest(%(words)s::text[]) AS word
              WHERE strpos(description, word) > 0 OR strpos(question::text, word) > 0)
ORDER BY name, version
LIMIT %(limit)s;

-- name: rewrite
-- What stands now, without what was erased.
UPDATE saved_queries SET revision = revision + 1, description = %(description)s, question = %(question)s
WHERE project_id = %(project_id)s AND name = %(name)s;

-- name: rewrite_version
-- A version, without what was erased.
UPDATE saved_query_versions SET description = %(description)s, question = %(question)s
WHERE project_id = %(project_id)s AND name = %(name)s AND version = %(version)s;
