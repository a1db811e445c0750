-- SQL that people and tokens ran, for their own history. Text and parameters may name persons: an erasure empties those that do.
CREATE TABLE sql_queries
(
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    id text NOT NULL,
    actor text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    status text NOT NULL CHECK (status IN ('running', 'finished', 'failed', 'refused', 'cancelled')),
    code text,
    format text NOT NULL,
    statement text,
    parameters jsonb,
    tables text[] NOT NULL,
    elapsed_ms bigint NOT NULL DEFAULT 0,
    rows_read bigint NOT NULL DEFAULT 0,
    bytes_read bigint NOT NULL DEFAULT 0,
    rows_returned bigint NOT NULL DEFAULT 0,
    bytes_returned bigint NOT NULL DEFAULT 0,
    truncated boolean NOT NULL DEFAULT false,
    PRIMARY KEY (project_id, id)
);

COMMENT ON COLUMN sql_queries.actor IS 'id of the person or token, or operator';
COMMENT ON COLUMN sql_queries.statement IS 'as it was sent; NULL once an erased person was found in it';

CREATE INDEX sql_queries_newest ON sql_queries (project_id, started_at, id);
CREATE INDEX sql_queries_of_actor ON sql_queries (project_id, actor, started_at, id);
CREATE INDEX sql_queries_by_age ON sql_queries (started_at);
