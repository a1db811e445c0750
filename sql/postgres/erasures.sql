-- name: insert
-- A new erasure; `known_from` is read after its ids stand in erased_ids.
INSERT INTO erasures (id, project_id, status, phase, requested_at, known_from, subject, receipt, work)
SELECT %(id)s, %(project_id)s, 'requested', 'waiting', %(requested_at)s, version, %(subject)s, '{}', '{}' FROM directory_version;

-- name: refuse_ids
-- From now on these ids are erased.
INSERT INTO erased_ids (project_id, id_hash)
SELECT %(project_id)s, unnest(%(id_hashes)s::bytea[])
ON CONFLICT DO NOTHING;

-- name: find
-- One erasure of a project.
SELECT id, project_id, status, phase, requested_at, finished_at, known_from, subject, receipt, work, error
FROM erasures WHERE project_id = %(project_id)s AND id = %(id)s;

-- name: page
-- Erasures of a project, newest first; `before` is the last of the page before.
SELECT id, project_id, status, phase, requested_at, finished_at, known_from, subject, receipt, work, error
FROM erasures
WHERE project_id = %(project_id)s
  AND (%(before_id)s::text IS NULL OR (requested_at, id) < (%(before_requested_at)s::timestamptz, %(before_id)s::text))
ORDER BY requested_at DESC, id DESC
LIMIT %(limit)s;

-- name: open
-- Erasures that have not ended, oldest first.
SELECT id, project_id, status, phase, requested_at, finished_at, known_from, subject, receipt, work, error
FROM erasures WHERE status IN ('requested', 'running') ORDER BY requested_at, id;

-- name: save
-- How far an erasure is.
UPDATE erasures
SET status = %(status)s, phase = %(phase)s, finished_at = %(finished_at)s, subject = %(subject)s,
    receipt = %(receipt)s, work = %(work)s, error = %(error)s
WHERE id = %(id)s;

-- name: know_again
-- Ids were added: all of them are known from now on.
UPDATE erasures SET known_from = (SELECT version FROM directory_version), subject = %(subject)s WHERE id = %(id)s
RETURNING known_from;

-- name: report_node
-- How far a spool has passed; it never goes back.
INSERT INTO event_nodes (node, passed_version, seen_at) VALUES (%(node)s, %(passed_version)s, %(now)s)
ON CONFLICT (node) DO UPDATE
SET passed_version = greatest(event_nodes.passed_version, excluded.passed_version), seen_at = excluded.seen_at;

-- name: nodes_behind
-- Spools that have not passed a version; those nobody has seen for long are left out.
SELECT node FROM event_nodes WHERE passed_version < %(version)s AND seen_at > %(alive_since)s ORDER BY node;
