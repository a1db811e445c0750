-- Names that stand for tables in a project's SQL beside the built-in ones: one space for saved queries and rollups.
CREATE TABLE source_names
(
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('query', 'rollup')),
    PRIMARY KEY (project_id, name)
);
