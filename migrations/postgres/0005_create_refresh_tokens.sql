-- Refresh tokens: each use of one ends it and makes the next of its family; a second use of the same one ends the whole family, since
-- then somebody has a copy.
CREATE TABLE refresh_families
(
    id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_because text
);

CREATE INDEX refresh_families_by_user ON refresh_families (user_id);

CREATE TABLE refresh_tokens
(
    token_hash bytea PRIMARY KEY,
    family_id text NOT NULL REFERENCES refresh_families ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

COMMENT ON COLUMN refresh_tokens.token_hash IS 'SHA-256; the token itself is nowhere';

CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
