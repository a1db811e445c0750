-- Keys that sign access tokens. Only salts: the key is made of the salt and the secret key of the service, which is not in here, so that
-- who reads this table can sign nothing. All processes keep them in memory, as they do projects and write keys.
CREATE TABLE signing_keys
(
    id text PRIMARY KEY,
    salt bytea NOT NULL,
    created_at timestamptz NOT NULL
);

COMMENT ON COLUMN signing_keys.id IS 'the kid of a token';

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION note_directory_change();
