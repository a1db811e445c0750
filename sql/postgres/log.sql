-- name: can_be_cut
-- Whether a superuser has put the function here (setup/cut_log.sql), for us.
SELECT coalesce(has_function_privilege(to_regprocedure('public.cut_log()'), 'EXECUTE'), false) AS can;

-- name: cut
-- Begin a new file of the write-ahead log, and drop those before.
SELECT public.cut_log();
