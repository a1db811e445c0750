-- Who did what to what, when and from where. Rows are only ever added, in the transaction of what they describe; 0012 keeps them from
-- being changed. People stand here as keyed hashes.
CREATE TABLE audit_records
(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_kind text NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    project_id text,
    target_kind text NOT NULL,
    target_id text,
    before jsonb,
    after jsonb,
    address text,
    request_id text
);

COMMENT ON COLUMN audit_records.actor IS 'HMAC of the person, token or address, with a key made from the secret key';

CREATE INDEX audit_records_by_project ON audit_records (project_id, id);
CREATE INDEX audit_records_by_actor ON audit_records (actor, id);
