-- For a superuser, once, in the database of the service; may be run again. Makes the owner of the audit, a role that nobody can be, and the
-- function by which the service hands its tables over to it and keeps the rights to read and to add. Run before or after the migrations.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'analytics_audit') THEN
        CREATE ROLE analytics_audit NOLOGIN;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION public.guard_audit() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    guarded text;
    keeper text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['audit_records', 'audit_seals'] LOOP
        SELECT pg_get_userbyid(relowner) INTO keeper FROM pg_class WHERE oid = to_regclass('public.' || guarded);
        IF keeper IS NOT NULL AND keeper <> 'analytics_audit' THEN
            EXECUTE format('ALTER TABLE public.%I OWNER TO analytics_audit', guarded);
            EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, %I', guarded, keeper);
            EXECUTE format('GRANT SELECT, INSERT ON public.%I TO %I', guarded, keeper);
        END IF;
    END LOOP;
    FOREACH guarded IN ARRAY ARRAY['note_audit_record()', 'refuse_audit_change()'] LOOP
        IF to_regprocedure('public.' || guarded) IS NOT NULL THEN
            EXECUTE format('ALTER FUNCTION public.%s OWNER TO analytics_audit', guarded);
        END IF;
    END LOOP;
END
$$;

-- The owner of a schema may drop what is in it, whosever it is; so what refuses that is in a schema of its own.
CREATE SCHEMA IF NOT EXISTS audit_guard;

CREATE OR REPLACE FUNCTION audit_guard.refuse_drop() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND EXISTS (
        SELECT FROM pg_event_trigger_dropped_objects()
        WHERE NOT is_temporary
          AND object_identity ~ '\mpublic\.(audit_records|audit_seals|guard_audit|note_audit_record|refuse_audit_change)\M'
    ) THEN
        RAISE EXCEPTION 'the audit is not dropped' USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname = 'refuse_audit_drop') THEN
        CREATE EVENT TRIGGER refuse_audit_drop ON sql_drop EXECUTE FUNCTION audit_guard.refuse_drop();
    END IF;
END
$$;

SELECT public.guard_audit();
