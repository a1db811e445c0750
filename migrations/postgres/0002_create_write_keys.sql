-- Write keys: may only send events, are public by nature (browsers) and therefore stored readable. A revoked one stays, so that it is
-- never given out again.
CREATE TABLE write_keys
(
    id text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    name text NOT NULL,
    key text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE INDEX write_keys_by_project ON write_keys (project_id, created_at, id);
