-- name: insert
-- A new export, unless too many of the project wait already.
INSERT INTO subject_exports (id, project_id, node, status, phase, requested_at, subject)
SELECT %(id)s, %(project_id)s, %(node)s, 'requested', 'waiting', %(requested_at)s, %(subject)s
WHERE (SELECT count(*) FROM subject_exports WHERE project_id = %(project_id)s AND status IN ('requested', 'running')) < %(most)s::bigint;

-- name: note_ids
-- These ids stand in an export.
INSERT INTO subject_export_ids (export_id, id_hash) SELECT %(id)s, unnest(%(id_hashes)s::bytea[])
ON CONFLICT DO NOTHING;

-- name: find
-- One export of a project.
SELECT id, project_id, node, status, phase, requested_at, finished_at, expires_at, data_as_of, subject, attempts, has_file, size_bytes,
    receipt, error
FROM subject_exports WHERE project_id = %(project_id)s AND id = %(id)s;

-- name: page
-- Exports of a project, newest first; `before` is the last of the page before.
SELECT id, project_id, node, status, phase, requested_at, finished_at, expires_at, data_as_of, subject, attempts, has_file, size_bytes,
    receipt, error
FROM subject_exports
WHERE project_id = %(project_id)s
  AND (%(before_id)s::text IS NULL OR (requested_at, id) < (%(before_requested_at)s::timestamptz, %(before_id)s::text))
ORDER BY requested_at DESC, id DESC
LIMIT %(limit)s;

-- name: to_make
-- Exports that a node is to make, oldest first.
SELECT id, project_id, node, status, phase, requested_at, finished_at, expires_at, data_as_of, subject, attempts, has_file, size_bytes,
    receipt, error
FROM subject_exports WHERE node = %(node)s AND status = 'requested' ORDER BY requested_at, id;

-- name: begin
-- A node begins to write an export; nothing if it was called off meanwhile.
UPDATE subject_exports SET status = 'running', phase = 'looking', attempts = attempts + 1, has_file = true, data_as_of = %(data_as_of)s
WHERE id = %(id)s AND status = 'requested'
RETURNING id;

-- name: begin_anew
-- What a node was writing when it was killed is written from the beginning.
UPDATE subject_exports SET status = 'requested', phase = 'waiting' WHERE node = %(node)s AND status = 'running';

-- name: say_phase
-- What an export does now.
UPDATE subject_exports SET phase = %(phase)s WHERE id = %(id)s AND status IN ('requested', 'running');

-- name: keep_ids
-- The ids of an export, encrypted.
UPDATE subject_exports SET subject = %(subject)s WHERE id = %(id)s AND status IN ('requested', 'running');

-- name: finish
-- The file is whole.
UPDATE subject_exports
SET status = 'finished', phase = '', finished_at = %(finished_at)s, expires_at = %(expires_at)s, size_bytes = %(size_bytes)s,
    receipt = %(receipt)s, subject = NULL
WHERE id = %(id)s AND status = 'running';

-- name: fail
-- It cannot be made.
UPDATE subject_exports SET status = 'failed', phase = '', finished_at = %(finished_at)s, error = %(error)s, subject = NULL
WHERE id = %(id)s AND status IN ('requested', 'running');

-- name: expired
-- Exports of a node whose time is over.
SELECT id, project_id FROM subject_exports
WHERE node = %(node)s AND status = 'finished' AND expires_at <= %(now)s ORDER BY id;

-- name: expire
-- The time of an export is over.
UPDATE subject_exports SET status = 'expired' WHERE id = %(id)s AND status = 'finished';

-- name: files
-- Exports of which a node may have a file.
SELECT id, status FROM subject_exports WHERE node = %(node)s AND has_file;

-- name: file_is_gone
-- Nothing of it is on the disk any more.
UPDATE subject_exports SET has_file = false WHERE id = %(id)s;

-- name: forget_ids
-- No id stands in it any more, unless it is still to be made.
DELETE FROM subject_export_ids
WHERE export_id = %(id)s
  AND NOT EXISTS (SELECT 1 FROM subject_exports WHERE id = %(id)s AND status IN ('requested', 'running'));

-- name: of_person
-- Exports of a project in which one of the ids stands, or will: those that are there or may be written yet.
SELECT DISTINCT subject_exports.id, node, has_file
FROM subject_exports JOIN subject_export_ids ON export_id = subject_exports.id
WHERE project_id = %(project_id)s AND id_hash = ANY(%(id_hashes)s::bytea[])
  AND (has_file OR status IN ('requested', 'running', 'finished'))
ORDER BY id;

-- name: erase
-- It is called off, or its file is to go.
UPDATE subject_exports SET status = 'erased', phase = '', subject = NULL, finished_at = coalesce(finished_at, %(now)s)
WHERE id = %(id)s AND project_id = %(project_id)s;

-- name: somebody_waits
-- Whether an export waits for what spools hold.
SELECT EXISTS (SELECT 1 FROM subject_exports WHERE status = 'requested') AS waits;

-- name: report_stored
-- All that a spool let in before this instant is stored.
UPDATE event_nodes SET stored_until = greatest(stored_until, %(stored_until)s), seen_at = %(now)s WHERE node = %(node)s;

-- name: spools_behind
-- Spools that may hold what was answered before an instant; those nobody has seen for long are left out.
SELECT node FROM event_nodes
WHERE (stored_until IS NULL OR stored_until <= %(instant)s) AND seen_at > %(alive_since)s ORDER BY node;

-- name: stored_until
-- All that was answered before this instant, by any spool, is stored.
SELECT min(stored_until) AS stored_until FROM event_nodes WHERE seen_at > %(alive_since)s;
