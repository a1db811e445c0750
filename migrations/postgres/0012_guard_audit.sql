-- Nobody changes or deletes what was recorded. Two fences: a trigger that refuses, and no right to do it. Both could be taken down by the
-- owner of the tables, so where a superuser has put guard_audit() here (sql/postgres/setup/guard_audit.sql; the embedded PostgreSQL always
-- has it) the tables go to an owner that nobody can be.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    RAISE EXCEPTION '% of % is refused: the audit is only added to', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_records
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

REVOKE UPDATE, DELETE, TRUNCATE ON audit_records, audit_seals FROM PUBLIC, CURRENT_USER;

DO $$
BEGIN
    IF to_regprocedure('guard_audit()') IS NOT NULL THEN
        PERFORM guard_audit();
    END IF;
END
$$;
