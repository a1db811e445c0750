-- name: all
-- Every key as it is kept, oldest first.
SELECT id, name, is_active, sealed, created_at FROM key_ring ORDER BY created_at, id;

-- name: lock
-- One process at a time makes keys or rotates; till the end of the transaction.
SELECT pg_advisory_xact_lock(1634626681, 50);

-- name: insert
-- One new key, younger than all that are there, whatever the clock says: their order tells which was the active one before.
INSERT INTO key_ring (id, name, is_active, sealed, created_at)
VALUES (%(id)s, %(name)s, %(is_active)s, %(sealed)s,
    greatest(%(now)s::timestamptz, (SELECT max(created_at) + interval '1 microsecond' FROM key_ring)));

-- name: retire
-- The active key of a name seals no more.
UPDATE key_ring SET is_active = false WHERE name = %(name)s AND is_active;

-- name: rewrap
-- One key, sealed under another secret key.
UPDATE key_ring SET sealed = %(sealed)s WHERE id = %(id)s;
