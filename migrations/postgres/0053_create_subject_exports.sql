-- What was asked for of a person's data, and where the file lies; and until when each spool has stored all it let in.
CREATE TABLE subject_exports
(
    id text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    node text NOT NULL,
    status text NOT NULL CHECK (status IN ('requested', 'running', 'finished', 'failed', 'expired', 'erased')),
    phase text NOT NULL,
    requested_at timestamptz NOT NULL,
    finished_at timestamptz,
    expires_at timestamptz,
    data_as_of timestamptz,
    subject bytea,
    attempts integer NOT NULL DEFAULT 0,
    has_file boolean NOT NULL DEFAULT false,
    size_bytes bigint,
    receipt jsonb NOT NULL DEFAULT '{}',
    error text
);

COMMENT ON COLUMN subject_exports.node IS 'whose data dir holds the file';
COMMENT ON COLUMN subject_exports.subject IS 'the ids, encrypted; NULL once they are not needed any more';
COMMENT ON COLUMN subject_exports.has_file IS 'a file, whole or not, may be on the disk of its node';
COMMENT ON COLUMN subject_exports.receipt IS 'lines of each file, and what was left out';

CREATE INDEX subject_exports_by_project ON subject_exports (project_id, requested_at, id);

CREATE TABLE subject_export_ids
(
    export_id text NOT NULL REFERENCES subject_exports ON DELETE CASCADE,
    id_hash bytea NOT NULL,
    PRIMARY KEY (export_id, id_hash)
);

COMMENT ON TABLE subject_export_ids IS 'keyed hashes of the ids that stand in an export: by them an erasure finds it';

ALTER TABLE event_nodes ADD COLUMN stored_until timestamptz;

COMMENT ON COLUMN event_nodes.stored_until IS 'all that was answered before it is stored; said while an export waits for it';
