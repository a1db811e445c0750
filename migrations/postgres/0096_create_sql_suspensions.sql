-- Who, and which statement, may not run ad-hoc SQL for a while, since a query of theirs did not end and the embedded engine had to go with it.
CREATE TABLE sql_suspensions
(
    id text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('caller', 'statement', 'project')),
    subject text NOT NULL,
    actor text NOT NULL,
    query_id text NOT NULL,
    strike integer NOT NULL,
    began_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    lifted_at timestamptz
);

COMMENT ON COLUMN sql_suspensions.subject IS 'id of a person or token, keyed hash of a statement, or id of a project';
COMMENT ON COLUMN sql_suspensions.actor IS 'whose statement it was';
COMMENT ON COLUMN sql_suspensions.strike IS 'how often this happened lately, this time included';

CREATE INDEX sql_suspensions_of_subject ON sql_suspensions (subject, ends_at);
CREATE INDEX sql_suspensions_of_project ON sql_suspensions (project_id, began_at, id);
