-- Erasures of persons, the ids that are refused since, and how far each spool has passed them.
CREATE TABLE erasures
(
    id text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    status text NOT NULL CHECK (status IN ('requested', 'running', 'finished', 'failed')),
    phase text NOT NULL,
    requested_at timestamptz NOT NULL,
    finished_at timestamptz,
    known_from bigint NOT NULL,
    subject bytea,
    receipt jsonb NOT NULL,
    work jsonb NOT NULL,
    error text
);

COMMENT ON COLUMN erasures.known_from IS 'directory_version from which on all ids of it are known';
COMMENT ON COLUMN erasures.subject IS 'the ids, encrypted; NULL once they are not needed any more';
COMMENT ON COLUMN erasures.work IS 'what must be known to go on after a kill: counts before, months touched';

CREATE INDEX erasures_by_project ON erasures (project_id, requested_at, id);

CREATE TABLE erased_ids
(
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    id_hash bytea NOT NULL,
    PRIMARY KEY (project_id, id_hash)
);

COMMENT ON COLUMN erased_ids.id_hash IS 'keyed hash; the id itself is nowhere';

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON erased_ids
    FOR EACH STATEMENT EXECUTE FUNCTION note_directory_change();

CREATE TABLE event_nodes
(
    node text PRIMARY KEY,
    passed_version bigint NOT NULL,
    seen_at timestamptz NOT NULL
);

COMMENT ON COLUMN event_nodes.passed_version IS 'all that was let in before this directory_version was known is stored and out of the spool';
