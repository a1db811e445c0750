-- People and what they may do: `is_owner` over all projects, otherwise one role a project.
CREATE TABLE users
(
    id text PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    is_owner boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);

COMMENT ON COLUMN users.password_hash IS 'argon2id, in the PHC string format';

CREATE UNIQUE INDEX users_by_email ON users (lower(email));

CREATE TABLE members
(
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('viewer', 'analyst', 'editor', 'admin')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, user_id)
);

CREATE INDEX members_by_user ON members (user_id);
