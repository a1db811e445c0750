-- Rollups that projects make: what they ask, which table of the pool keeps them, and how far they are filled. The text may name persons:
-- an erasure drops those that do.
CREATE TABLE rollups
(
    id text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    name text NOT NULL,
    description text NOT NULL,
    sql text NOT NULL,
    plan jsonb NOT NULL,
    physical text NOT NULL UNIQUE,
    state text NOT NULL CHECK (state IN ('building', 'active', 'paused', 'failed', 'dropping')),
    reason text,
    begun boolean NOT NULL DEFAULT false,
    filled_to date,
    days_done integer NOT NULL DEFAULT 0,
    days integer NOT NULL DEFAULT 0,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);

COMMENT ON COLUMN rollups.sql IS 'as it was sent';
COMMENT ON COLUMN rollups.plan IS 'columns and types, and the texts that feed and fill the table';
COMMENT ON COLUMN rollups.physical IS 'name of its table in ClickHouse; free again once that is gone from the disk';
COMMENT ON COLUMN rollups.begun IS 'the view is there, so that only days before it are missing';
COMMENT ON COLUMN rollups.filled_to IS 'last day computed since';

CREATE UNIQUE INDEX rollups_by_name ON rollups (project_id, name) WHERE state <> 'dropping';
CREATE INDEX rollups_by_age ON rollups (project_id, created_at, id);
