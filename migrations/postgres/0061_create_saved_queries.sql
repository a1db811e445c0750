-- Questions that people saved, every version of them, and which are published.
CREATE TABLE saved_queries
(
    project_id text NOT NULL,
    name text NOT NULL,
    owner text NOT NULL,
    created_at timestamptz NOT NULL,
    version integer NOT NULL,
    revision integer NOT NULL,
    description text NOT NULL,
    question jsonb NOT NULL,
    reads text[] NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    published_by text,
    published_at timestamptz,
    max_age_seconds double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (project_id, name),
    FOREIGN KEY (project_id, name) REFERENCES source_names ON DELETE CASCADE
);

COMMENT ON COLUMN saved_queries.owner IS 'id of the person or token who saved it first, or operator';
COMMENT ON COLUMN saved_queries.revision IS 'changes with every change, also those that make no version';
COMMENT ON COLUMN saved_queries.reads IS 'names of the project that stand as tables in its text';
COMMENT ON COLUMN saved_queries.max_age_seconds IS 'how old an answer of the endpoint may be';

CREATE TABLE saved_query_versions
(
    project_id text NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    description text NOT NULL,
    question jsonb NOT NULL,
    saved_by text NOT NULL,
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, name, version),
    FOREIGN KEY (project_id, name) REFERENCES saved_queries ON DELETE CASCADE
);
