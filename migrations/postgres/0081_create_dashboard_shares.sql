-- Links by which a dashboard is shown to whoever has them, and no more than the dashboard. Only hashes of tokens and passwords are kept.
CREATE TABLE dashboard_shares
(
    id text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    dashboard_id text NOT NULL REFERENCES dashboards ON DELETE CASCADE,
    token_hash bytea NOT NULL UNIQUE,
    password_hash text,
    filters jsonb NOT NULL CHECK (jsonb_typeof(filters) = 'object'),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

COMMENT ON COLUMN dashboard_shares.token_hash IS 'SHA-256 of 256 random bits: nothing slower is needed';
COMMENT ON COLUMN dashboard_shares.filters IS 'values of filters that are fixed for whoever comes by the link; may name persons';

CREATE INDEX dashboard_shares_by_dashboard ON dashboard_shares (dashboard_id, created_at, id);
