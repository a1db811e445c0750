-- name: lock
-- One process at a time makes or drops keys; the lock goes with the transaction.
SELECT pg_advisory_xact_lock(1634626681, 4);

-- name: all
-- All keys, newest first.
SELECT id, salt, created_at FROM signing_keys ORDER BY created_at DESC, id DESC;

-- name: insert
-- One more key.
INSERT INTO signing_keys (id, salt, created_at) VALUES (%(id)s, %(salt)s, %(created_at)s);

-- name: drop
-- Drop a key: nothing it signed is good any more.
DELETE FROM signing_keys WHERE id = %(id)s;
