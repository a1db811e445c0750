-- What ad-hoc SQL may cost in one project, where it differs from the service's settings.
CREATE TABLE sql_limits
(
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('analyst', 'editor', 'admin')),
    limits jsonb NOT NULL CHECK (jsonb_typeof(limits) = 'object'),
    PRIMARY KEY (project_id, role)
);
