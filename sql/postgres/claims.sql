-- name: take
-- Take a claim for this connection, unless another has it; its two numbers are the service's own and what is claimed.
SELECT pg_try_advisory_lock(%(space)s::int, %(what)s::int) AS taken;

-- name: leave
-- Leave it.
SELECT pg_advisory_unlock(%(space)s::int, %(what)s::int) AS left;

-- name: ask
-- Any question: the claim is held as long as its connection answers.
SELECT 1 AS one;
