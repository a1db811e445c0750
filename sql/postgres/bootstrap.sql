-- name: lock
-- One process at a time makes what is missing; the lock goes with the transaction.
SELECT pg_advisory_xact_lock(1634626681, 3);
