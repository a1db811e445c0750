-- The chain over audit_records. `number` counts sealings without a gap; a record that became visible late gets a later number. What waits
-- to be sealed stands in audit_unsealed, put there by whoever adds a record, so that nothing has to be searched for.
CREATE TABLE audit_seals
(
    number bigint PRIMARY KEY CHECK (number > 0),
    record_id bigint NOT NULL UNIQUE,
    key_id text NOT NULL,
    seal bytea NOT NULL CHECK (length(seal) = 32)
);

CREATE TABLE audit_unsealed
(
    record_id bigint PRIMARY KEY
);

CREATE FUNCTION note_audit_record() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO audit_unsealed (record_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;

CREATE TRIGGER note_record AFTER INSERT ON audit_records FOR EACH ROW EXECUTE FUNCTION note_audit_record();
