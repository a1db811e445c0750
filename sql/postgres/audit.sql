-- name: insert
-- Records, from a JSON array of objects; ids and the queue of the sealer are PostgreSQL's.
INSERT INTO audit_records
    (at, actor_kind, actor, action, project_id, target_kind, target_id, before, after, address, request_id)
SELECT at, actor_kind, actor, action, project_id, target_kind, target_id, before, after, address, request_id
FROM jsonb_to_recordset(%(rows)s::jsonb) AS wanted
    (at timestamptz, actor_kind text, actor text, action text, project_id text, target_kind text, target_id text, before jsonb,
     after jsonb, address text, request_id text);

-- name: page
-- Records, newest first, that pass every filter which is not null; `before_id` is the last of the page before.
SELECT id, at, actor_kind, actor, action, project_id, target_kind, target_id, before, after, address, request_id
FROM audit_records
WHERE (%(before_id)s::bigint IS NULL OR id < %(before_id)s::bigint)
  AND (%(project_id)s::text IS NULL OR project_id = %(project_id)s::text)
  AND (%(action)s::text IS NULL OR action = %(action)s::text OR starts_with(action, %(action)s::text || '.'))
  AND (%(actors)s::text[] IS NULL OR actor = ANY (%(actors)s::text[]))
  AND (%(target)s::text IS NULL OR target_id = %(target)s::text OR target_id = ANY (%(target_hashes)s::text[]))
  AND (%(start)s::timestamptz IS NULL OR at >= %(start)s::timestamptz)
  AND (%(ends)s::timestamptz IS NULL OR at < %(ends)s::timestamptz)
ORDER BY id DESC
LIMIT %(limit)s;

-- name: lock
-- Whether this transaction is the one sealer.
SELECT pg_try_advisory_xact_lock(%(space)s::int, %(what)s::int) AS taken;

-- name: head
-- The last seal, or none.
SELECT number, seal FROM audit_seals ORDER BY number DESC LIMIT 1;

-- name: waiting
-- Visible records without a seal; their fields as they are sealed.
SELECT r.id, r.at, r.actor_kind, r.actor, r.action, r.project_id, r.target_kind, r.target_id, r.before::text AS before,
    r.after::text AS after, r.address, r.request_id
FROM audit_unsealed u JOIN audit_records r ON r.id = u.record_id
ORDER BY r.id
LIMIT %(limit)s;

-- name: seal
-- Seals, from arrays of equal length.
INSERT INTO audit_seals (number, record_id, key_id, seal)
SELECT number, record_id, %(key_id)s::text, seal
FROM unnest(%(numbers)s::bigint[], %(records)s::bigint[], %(seals)s::bytea[]) AS made (number, record_id, seal);

-- name: sealed
-- These wait no more.
DELETE FROM audit_unsealed WHERE record_id = ANY (%(records)s::bigint[]);

-- name: links
-- Seals with the fields of their records (null where the record is gone), by number, after a number.
SELECT s.number, s.record_id, s.key_id, s.seal, r.id, r.at, r.actor_kind, r.actor, r.action, r.project_id, r.target_kind, r.target_id,
    r.before::text AS before, r.after::text AS after, r.address, r.request_id
FROM audit_seals s LEFT JOIN audit_records r ON r.id = s.record_id
WHERE s.number > %(number)s::bigint
ORDER BY s.number
LIMIT %(limit)s;

-- name: unsealed
-- How many records have no seal though they should: those that nobody waits for, and those that have waited since before `since`.
SELECT count(*) AS records, min(r.id) AS first
FROM audit_records r
    LEFT JOIN audit_seals s ON s.record_id = r.id
    LEFT JOIN audit_unsealed u ON u.record_id = r.id
WHERE s.record_id IS NULL AND (u.record_id IS NULL OR r.at < %(since)s::timestamptz);
