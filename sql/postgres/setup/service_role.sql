-- For a superuser, once, in the database of the service; may be run again. Makes the service's role, without a password, if it is not there, and
-- lets it make and use tables of its own. It owns neither the database nor the schema, so it can drop neither, and what others own in them.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'analytics') THEN
        CREATE ROLE analytics LOGIN;
    END IF;
    EXECUTE format('ALTER DATABASE %I OWNER TO CURRENT_USER', current_database());
    ALTER SCHEMA public OWNER TO pg_database_owner;
    GRANT USAGE, CREATE ON SCHEMA public TO analytics;
END
$$;
