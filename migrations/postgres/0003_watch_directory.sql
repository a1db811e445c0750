-- Every change of projects or write keys, by whatever hand, raises one number and notifies: processes keep both in memory and read them
-- again when the number has moved. The row's lock makes the number rise in the order of commits, so that no change is overlooked.
CREATE TABLE directory_version
(
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version bigint NOT NULL
);

INSERT INTO directory_version (version) VALUES (1);

CREATE FUNCTION note_directory_change() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE directory_version SET version = version + 1;
    PERFORM pg_notify('directory_changed', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON projects
    FOR EACH STATEMENT EXECUTE FUNCTION note_directory_change();

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON write_keys
    FOR EACH STATEMENT EXECUTE FUNCTION note_directory_change();
