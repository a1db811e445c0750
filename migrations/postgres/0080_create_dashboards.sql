-- Dashboards: a document each, changed as a whole. Texts, questions and values in it may name persons: an erasure takes their ids out.
CREATE TABLE dashboards
(
    id text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    name text NOT NULL,
    version integer NOT NULL,
    document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

COMMENT ON COLUMN dashboards.version IS 'raised by each change: who changes an older one has lost the race';

CREATE INDEX dashboards_by_project ON dashboards (project_id, created_at, id);
