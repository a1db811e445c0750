-- name: keep
-- One secret, new or in place of the one before.
INSERT INTO sealed_secrets (project_id, purpose, sealed, changed_at) VALUES (%(project_id)s, %(purpose)s, %(sealed)s, %(now)s)
ON CONFLICT (project_id, purpose) DO UPDATE SET sealed = excluded.sealed, changed_at = excluded.changed_at;

-- name: find
-- One secret, or none.
SELECT sealed FROM sealed_secrets WHERE project_id = %(project_id)s AND purpose = %(purpose)s;

-- name: forget
-- One secret, gone.
DELETE FROM sealed_secrets WHERE project_id = %(project_id)s AND purpose = %(purpose)s;

-- name: all
-- Every secret, locked till the end of the transaction: for a rotation.
SELECT project_id, purpose, sealed FROM sealed_secrets ORDER BY project_id, purpose FOR UPDATE;

-- name: reseal
-- One secret under another key; it is the same secret still.
UPDATE sealed_secrets SET sealed = %(sealed)s WHERE project_id = %(project_id)s AND purpose = %(purpose)s;
