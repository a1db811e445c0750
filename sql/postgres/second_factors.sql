-- name: begin
-- A second factor to be confirmed, new or in place of another that was not; nothing if there is one that was.
INSERT INTO second_factors (user_id, created_at) VALUES (%(user_id)s, %(now)s)
ON CONFLICT (user_id) DO UPDATE SET created_at = excluded.created_at, last_step = 0, failures = 0
WHERE second_factors.confirmed_at IS NULL;

-- name: lock
-- The second factor of somebody, locked: of two tries with one code at once the later finds it used.
SELECT created_at, confirmed_at, last_step, failures FROM second_factors WHERE user_id = %(user_id)s FOR UPDATE;

-- name: find
-- Since when somebody has a second factor, and how many recovery codes are left; nothing if there is none that was confirmed.
SELECT f.confirmed_at, (SELECT count(*) FROM recovery_codes c WHERE c.user_id = f.user_id) AS recovery_codes_left
FROM second_factors f WHERE f.user_id = %(user_id)s AND f.confirmed_at IS NOT NULL;

-- name: confirm
-- The second factor counts from now on, and the code that proved it is used.
UPDATE second_factors SET confirmed_at = %(now)s, last_step = %(step)s, failures = 0 WHERE user_id = %(user_id)s;

-- name: used
-- A code of the app was good; this one and those before it are not any more.
UPDATE second_factors SET last_step = %(step)s, failures = 0 WHERE user_id = %(user_id)s;

-- name: failed
-- A code was wrong.
UPDATE second_factors SET failures = failures + 1 WHERE user_id = %(user_id)s;

-- name: forgive
-- A recovery code was good: the app's codes count again.
UPDATE second_factors SET failures = 0 WHERE user_id = %(user_id)s;

-- name: remove
-- The second factor of somebody, with its recovery codes.
DELETE FROM second_factors WHERE user_id = %(user_id)s;

-- name: add_recovery_codes
-- The hashes of new recovery codes.
INSERT INTO recovery_codes (user_id, code_hash) SELECT %(user_id)s, unnest(%(code_hashes)s::bytea[]);

-- name: forget_recovery_codes
-- All recovery codes of somebody.
DELETE FROM recovery_codes WHERE user_id = %(user_id)s;

-- name: use_recovery_code
-- A recovery code, gone; nothing if there is no such one.
DELETE FROM recovery_codes WHERE user_id = %(user_id)s AND code_hash = %(code_hash)s;

-- name: count_recovery_codes
-- How many are left.
SELECT count(*) AS left FROM recovery_codes WHERE user_id = %(user_id)s;
