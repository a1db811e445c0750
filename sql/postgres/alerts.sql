-- name: count
-- How many a project has.
SELECT count(*) AS alerts FROM alerts WHERE project_id = %(project_id)s;

-- name: insert
-- A new one; it is due at once.
INSERT INTO alerts
    (id, project_id, name, description, question, saved_query, params, condition, enabled, owner, created_at, changed_by, changed_at,
     state_since, next_check_at)
VALUES
    (%(id)s, %(project_id)s, %(name)s, %(description)s, %(question)s, %(saved_query)s, %(params)s, %(condition)s, %(enabled)s, %(actor)s,
     %(now)s, %(actor)s, %(now)s, %(now)s, %(now)s)
RETURNING id, project_id, name, description, question, saved_query, params, condition, enabled, owner, created_at, changed_by, changed_at,
    revision, state, state_since, last_checked_at, last_value, last_error;

-- name: find
-- One of a project.
SELECT id, project_id, name, description, question, saved_query, params, condition, enabled, owner, created_at, changed_by, changed_at,
    revision, state, state_since, last_checked_at, last_value, last_error
FROM alerts WHERE project_id = %(project_id)s AND id = %(id)s;

-- name: lock
-- As `find`; nobody else changes it until the transaction ends.
SELECT id, project_id, name, description, question, saved_query, params, condition, enabled, owner, created_at, changed_by, changed_at,
    revision, state, state_since, last_checked_at, last_value, last_error
FROM alerts WHERE project_id = %(project_id)s AND id = %(id)s FOR UPDATE;

-- name: page
-- Those of a project, oldest first, after one.
SELECT id, project_id, name, description, question, saved_query, params, condition, enabled, owner, created_at, changed_by, changed_at,
    revision, state, state_since, last_checked_at, last_value, last_error
FROM alerts
WHERE project_id = %(project_id)s
  AND (%(state)s::text IS NULL OR state = %(state)s::text)
  AND (%(after_id)s::text IS NULL OR (created_at, id) > (%(after_created_at)s::timestamptz, %(after_id)s::text))
ORDER BY created_at, id
LIMIT %(limit)s;

-- name: update
-- What it is from now on. It begins anew: not firing, due at once.
UPDATE alerts
SET name = %(name)s, description = %(description)s, question = %(question)s, saved_query = %(saved_query)s, params = %(params)s,
    condition = %(condition)s, enabled = %(enabled)s, changed_by = %(actor)s, changed_at = %(now)s, revision = revision + 1,
    state = 'ok', state_since = CASE state WHEN 'ok' THEN state_since ELSE %(now)s END, next_check_at = %(now)s,
    last_value = NULL, last_error = NULL
WHERE project_id = %(project_id)s AND id = %(id)s
RETURNING id, project_id, name, description, question, saved_query, params, condition, enabled, owner, created_at, changed_by, changed_at,
    revision, state, state_since, last_checked_at, last_value, last_error;

-- name: delete
-- Remove one. Its changes stay.
DELETE FROM alerts WHERE project_id = %(project_id)s AND id = %(id)s;

-- name: claim
-- Some that are due, and theirs is the next minute: of all processes one gets each.
UPDATE alerts SET next_check_at = %(next)s
WHERE id IN (
    SELECT id FROM alerts WHERE enabled AND next_check_at <= %(now)s ORDER BY next_check_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING id, project_id, name, description, question, saved_query, params, condition, enabled, owner, created_at, changed_by, changed_at,
    revision, state, state_since, last_checked_at, last_value, last_error;

-- name: checked
-- What a check found, unless it was changed meanwhile.
UPDATE alerts
SET state = %(state)s, state_since = CASE WHEN state = %(state)s THEN state_since ELSE %(now)s END, last_checked_at = %(now)s,
    last_value = %(value)s, last_error = NULL
WHERE id = %(id)s AND revision = %(revision)s AND enabled
RETURNING id;

-- name: failed
-- That a check could not be made.
UPDATE alerts SET last_checked_at = %(now)s, last_error = %(error)s WHERE id = %(id)s AND revision = %(revision)s;

-- name: keep_change
-- A change of a state, for the history and for deliveries.
WITH kept AS (
    INSERT INTO alert_changes (project_id, alert_id, at, state, reason, value)
    VALUES (%(project_id)s, %(alert_id)s, %(now)s, %(state)s, %(reason)s, %(value)s)
    RETURNING id, project_id, at
)
INSERT INTO alert_outbox (change_id, project_id, created_at) SELECT id, project_id, at FROM kept;

-- name: changes
-- Changes of one, newest first, before one.
SELECT id, at, state, reason, value
FROM alert_changes
WHERE project_id = %(project_id)s AND alert_id = %(alert_id)s AND id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: outbox
-- What is to be told, oldest first; whoever asks has it until its transaction ends.
SELECT change.id, change.project_id, change.alert_id, change.at, change.state, change.reason, change.value
FROM alert_outbox
JOIN alert_changes AS change ON change.id = alert_outbox.change_id
ORDER BY change.id
LIMIT %(limit)s
FOR UPDATE OF alert_outbox SKIP LOCKED;

-- name: told
-- A delivery has taken these.
DELETE FROM alert_outbox WHERE change_id = ANY (%(ids)s::bigint[]);

-- name: mentioning
-- Alerts of a project in which one of some words stands.
SELECT id, project_id, name, description, question, saved_query, params, condition, enabled, owner, created_at, changed_by, changed_at,
    revision, state, state_since, last_checked_at, last_value, last_error
FROM alerts
WHERE project_id = %(project_id)s
  AND EXISTS (SELECT 1 FROM unnest(%(words)s::text[]) AS word
              WHERE strpos(name, word) > 0 OR strpos(description, word) > 0 OR strpos(coalesce(question::text, ''), word) > 0
                 OR strpos(params::text, word) > 0)
ORDER BY created_at, id;

-- name: rewrite
-- Without what was erased.
UPDATE alerts
SET name = %(name)s, description = %(description)s, question = %(question)s, params = %(params)s, revision = revision + 1
WHERE project_id = %(project_id)s AND id = %(id)s;
