-- For a superuser, once, in the database of the service; may be run again. A function by which the service, after an erasure, has the server
-- begin a new file of its write-ahead log and drop those before, in which erased texts stand as they were written. With wal_recycle on (the
-- default of a server) old files are kept for their room until they are written over: set it off. Archives and replicas are not reached.
CREATE OR REPLACE FUNCTION public.cut_log() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    PERFORM pg_switch_wal();
    CHECKPOINT;
END
$$;

REVOKE ALL ON FUNCTION public.cut_log() FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'analytics') THEN
        GRANT EXECUTE ON FUNCTION public.cut_log() TO analytics;
    END IF;
END
$$;
