-- Sign-ins of browsers: an opaque token in a cookie. Each is of a family, as refresh tokens are, so that ending a family ends both.
CREATE TABLE browser_sessions
(
    token_hash bytea PRIMARY KEY,
    family_id text NOT NULL REFERENCES refresh_families ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

COMMENT ON COLUMN browser_sessions.token_hash IS 'SHA-256; the token itself is in the cookie alone';
COMMENT ON COLUMN browser_sessions.expires_at IS 'however busy it is';

CREATE INDEX browser_sessions_by_family ON browser_sessions (family_id);
