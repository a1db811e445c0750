-- name: settings_at_the_end
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT 1 SETTINGS max_execution_time = 0

-- name: settings_readonly
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT 1 SETTINGS readonly = 0

-- name: settings_log_comment
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT count() FROM events SETTINGS log_comment = 'prj_foreign'

-- name: settings_in_subquery
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT * FROM (SELECT 1 SETTINGS max_memory_usage = 0)

-- name: settings_in_scalar_subquery
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT (SELECT 1 SETTINGS max_threads = 64)

-- name: settings_in_cte
-- why: SETTINGS lift limits and move the fence
-- canary: limits
WITH x AS (SELECT 1 SETTINGS max_rows_to_read = 0) SELECT * FROM x

-- name: settings_in_union
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT 1 UNION ALL SELECT 2 SETTINGS max_threads = 1

-- name: settings_in_first_of_union
-- why: SETTINGS lift limits and move the fence
-- canary: limits
(SELECT 1 SETTINGS max_threads = 1) UNION ALL SELECT 2

-- name: settings_in_in
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT 1 IN (SELECT 1 SETTINGS max_threads = 1)

-- name: settings_in_exists
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT EXISTS (SELECT 1 SETTINGS max_threads = 1)

-- name: settings_in_view
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT * FROM view(SELECT 1 SETTINGS max_threads = 1)

-- name: settings_after_format
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT 1 FORMAT JSON SETTINGS max_threads = 1

-- name: settings_before_format
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT 1 SETTINGS max_threads = 1 FORMAT JSON

-- name: settings_other_case
-- why: SETTINGS lift limits and move the fence
-- canary: limits
select 1 settings max_threads = 1

-- name: settings_custom
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT 1 SETTINGS SQL_x = 1

-- name: settings_default_value
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT 1 SETTINGS max_execution_time = DEFAULT

-- name: settings_additional_filters
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT count() FROM events SETTINGS additional_table_filters = {'default.events': '1'}

-- name: settings_parallel_replicas
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT count() FROM events SETTINGS allow_experimental_parallel_reading_from_replicas = 1

-- name: settings_param_setting
-- why: SETTINGS lift limits and move the fence
-- canary: limits
SELECT {p:String} SETTINGS param_p = 'x'

-- name: format
-- why: the answer goes its own way
-- canary: engine
SELECT 1 FORMAT JSON

-- name: format_null
-- why: the answer goes its own way
-- canary: engine
SELECT 1 FORMAT Null

-- name: format_in_union
-- why: the answer goes its own way
-- canary: engine
SELECT 1 UNION ALL SELECT 2 FORMAT CSV

-- name: format_template
-- why: the answer goes its own way
-- canary: file
SELECT 1 FORMAT Template

-- name: outfile
-- why: the answer goes its own way
-- canary: write
SELECT 1 INTO OUTFILE '/tmp/fence_canary'

-- name: outfile_append
-- why: the answer goes its own way
-- canary: write
SELECT 1 INTO OUTFILE '/tmp/fence_canary' APPEND

-- name: outfile_truncate
-- why: the answer goes its own way
-- canary: write
SELECT 1 INTO OUTFILE '/tmp/fence_canary' TRUNCATE FORMAT CSV

-- name: outfile_stdout
-- why: the answer goes its own way
-- canary: write
SELECT 1 INTO OUTFILE '/tmp/fence_canary' AND STDOUT

-- name: outfile_compressed
-- why: the answer goes its own way
-- canary: write
SELECT 1 INTO OUTFILE '/tmp/fence_canary' COMPRESSION 'gzip'

-- name: outfile_in_union
-- why: the answer goes its own way
-- canary: write
SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '/tmp/fence_canary'

-- name: outfile_stdin
-- why: the answer goes its own way
-- canary: write
SELECT 1 INTO OUTFILE '/dev/stdout'
