-- Links that are good once: invitations (of somebody who is not there yet) and resets (of a password). A newer one takes the place of the
-- one before it; one that was used is gone.
CREATE TABLE account_links
(
    token_hash bytea PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('invitation', 'reset')),
    email text NOT NULL,
    name text NOT NULL,
    user_id text REFERENCES users ON DELETE CASCADE,
    project_id text REFERENCES projects ON DELETE CASCADE,
    role text CHECK (role IN ('viewer', 'analyst', 'editor', 'admin')),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CHECK ((kind = 'reset') = (user_id IS NOT NULL)),
    CHECK ((project_id IS NULL) = (role IS NULL))
);

COMMENT ON COLUMN account_links.token_hash IS 'SHA-256 of 256 random bits; the token itself is nowhere';

-- One open link of a kind, an address and a project.
CREATE UNIQUE INDEX account_links_open ON account_links (kind, lower(email), coalesce(project_id, ''));
