-- API tokens: for machines, of one project, with scopes and an end. Only the hash is kept.
CREATE TABLE api_tokens
(
    id text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    name text NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    last_four text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

COMMENT ON COLUMN api_tokens.token_hash IS 'SHA-256 of 256 random bits: nothing slower is needed';

CREATE INDEX api_tokens_by_project ON api_tokens (project_id, created_at, id);
