-- name: system_tables
-- why: which tables there are
-- canary: schema
SELECT * FROM system.tables

-- name: system_columns
-- why: which columns the real tables have
-- canary: schema
SELECT name FROM system.columns WHERE table = 'events'

-- name: system_query_log
-- why: the questions of others
-- canary: process
SELECT query FROM system.query_log

-- name: system_processes
-- why: the questions of others, as they run
-- canary: process
SELECT query FROM system.processes

-- name: system_settings
-- why: the carrier of the project
-- canary: environment
SELECT value FROM system.settings WHERE name = 'log_comment'

-- name: system_users
-- why: who there is
-- canary: process
SELECT name FROM system.users

-- name: system_quoted
-- why: a quoted database
-- canary: schema
SELECT * FROM `system`.`parts`

-- name: system_double_quoted
-- why: a quoted database
-- canary: schema
SELECT * FROM "system"."one"

-- name: system_other_case
-- why: the database in other letters
-- canary: schema
SELECT * FROM SYSTEM.TABLES

-- name: system_with_spaces
-- why: spaces and comments between the parts
-- canary: schema
SELECT * FROM system /* x */ . /* y */ tables

-- name: system_numbers
-- why: an endless table
-- canary: limits
SELECT count() FROM system.numbers

-- name: system_one
-- why: any table of system opens the rest
-- canary: schema
SELECT dummy FROM system.one

-- name: information_schema
-- why: the standard's catalogue
-- canary: schema
SELECT table_name FROM information_schema.tables

-- name: information_schema_upper
-- why: the standard's catalogue, in large letters
-- canary: schema
SELECT * FROM INFORMATION_SCHEMA.COLUMNS

-- name: default_events
-- why: the physical table with its hidden columns
-- canary: rows
SELECT project_id FROM default.events

-- name: physical_event_ids
-- why: a table without project
-- canary: rows
SELECT * FROM event_ids

-- name: physical_rejected_events
-- why: refused events of all projects
-- canary: rows
SELECT body FROM rejected_events

-- name: physical_reconciliations
-- why: runs over all projects
-- canary: rows
SELECT * FROM reconciliations

-- name: schema_migrations
-- why: the store's own book
-- canary: schema
SELECT * FROM schema_migrations

-- name: feed_view
-- why: the view that fills a rollup
-- canary: rows
SELECT * FROM event_counts_feed

-- name: inner_table
-- why: the hidden table of a view
-- canary: rows
SELECT * FROM `.inner.event_counts_feed`

-- name: inner_table_by_id
-- why: the hidden table of a view, by its id
-- canary: rows
SELECT * FROM `.inner_id.00000000-0000-0000-0000-000000000000`

-- name: scratch_table
-- why: the copy that a quarantine works on
-- canary: rows
SELECT * FROM events_scratch

-- name: table_by_uuid
-- why: a table by its id
-- canary: rows
SELECT * FROM events UUID '00000000-0000-0000-0000-000000000001'

-- name: path_as_table
-- why: a file by its path
-- canary: file
SELECT * FROM '/etc/passwd'

-- name: path_as_table_backticks
-- why: a file by its path
-- canary: file
SELECT * FROM `/etc/passwd`

-- name: relative_path_as_table
-- why: a file by its path
-- canary: file
SELECT * FROM 'secret.csv'

-- name: url_as_table
-- why: a server by its address
-- canary: network
SELECT * FROM 'http://127.0.0.1:9/x.csv'

-- name: three_parts
-- why: more parts than a name has
-- canary: schema
SELECT * FROM a.system.tables

-- name: dot_in_quotes
-- why: a dot inside one quoted name
-- canary: schema
SELECT * FROM `system.tables`

-- name: comma_join
-- why: a second table behind a comma
-- canary: schema
SELECT count() FROM events, system.tables

-- name: join
-- why: a second table by JOIN
-- canary: schema
SELECT t.name FROM events AS e JOIN system.tables AS t ON 1 = 1

-- name: join_brackets
-- why: a second table in brackets
-- canary: schema
SELECT 1 FROM (events AS e CROSS JOIN system.one AS o)

-- name: right_of_cross_join
-- why: a second table by CROSS JOIN
-- canary: rows
SELECT * FROM events CROSS JOIN default.events AS f

-- name: subquery
-- why: a table in a subquery
-- canary: schema
SELECT * FROM (SELECT * FROM (SELECT name FROM system.databases))

-- name: scalar_subquery
-- why: a table in an expression
-- canary: schema
SELECT (SELECT groupArray(name) FROM system.tables)

-- name: in_subquery
-- why: a table behind IN
-- canary: schema
SELECT 1 IN (SELECT 1 FROM system.tables)

-- name: in_table_name
-- why: IN reads a table by its bare name
-- canary: rows
SELECT ('a', 'b') IN rejected_events

-- name: in_qualified_table_name
-- why: IN reads a table by its bare name
-- canary: schema
SELECT 1 IN system.one

-- name: in_table_name_in_brackets
-- why: IN reads a table by its bare name, in brackets too
-- canary: schema
SELECT 0 IN (system.one)

-- name: in_function_form
-- why: IN as a function reads a table by its bare name
-- canary: schema
SELECT in(0, system.one)

-- name: not_in_function_form
-- why: IN as a function reads a table by its bare name
-- canary: rows
SELECT notIn(1, event_ids)

-- name: global_in_table
-- why: GLOBAL IN reads a table by its bare name
-- canary: rows
SELECT 1 GLOBAL IN event_ids

-- name: null_in_table
-- why: nullIn reads a table by its bare name
-- canary: rows
SELECT nullIn(1, event_ids)

-- name: global_not_null_in_table
-- why: a rare relative of IN reads a table by its bare name
-- canary: rows
SELECT globalNotNullIn(1, event_ids)

-- name: in_ignore_set
-- why: an inner relative of IN
-- canary: rows
SELECT inIgnoreSet(1, event_ids)

-- name: in_cte_of_elsewhere
-- why: a CTE of another scope does not hide a table
-- canary: rows
SELECT (WITH event_ids AS (SELECT 1) SELECT 1), 1 IN event_ids

-- name: cte_out_of_scope
-- why: a CTE of a subquery does not hide a table outside
-- canary: rows
SELECT * FROM (WITH rejected_events AS (SELECT 1 AS x) SELECT x FROM rejected_events) AS a, rejected_events AS b

-- name: cte_of_a_later_union_member
-- why: only the first SELECT's CTEs reach the others
-- canary: rows
SELECT 1 UNION ALL (WITH reconciliations AS (SELECT 1) SELECT 1) UNION ALL SELECT count() FROM reconciliations

-- name: cte_after_its_use
-- why: a CTE that comes later does not hide a table
-- canary: rows
WITH a AS (SELECT * FROM reconciliations), reconciliations AS (SELECT 1) SELECT * FROM a

-- name: cte_reading_system
-- why: a table in a CTE that is not used
-- canary: schema
WITH unused AS (SELECT * FROM system.tables) SELECT 1

-- name: recursive_cte_over_system
-- why: a table in a recursive CTE
-- canary: schema
WITH RECURSIVE t AS (SELECT name FROM system.tables UNION ALL SELECT name FROM t) SELECT * FROM t

-- name: union_with_system
-- why: a table in a later SELECT of a union
-- canary: schema
SELECT event FROM events UNION ALL SELECT name FROM system.tables

-- name: except_with_system
-- why: a table behind EXCEPT
-- canary: schema
SELECT event FROM events EXCEPT SELECT name FROM system.tables

-- name: where_exists_system
-- why: a table behind EXISTS
-- canary: schema
SELECT 1 WHERE EXISTS (SELECT 1 FROM system.users)

-- name: array_join_subquery
-- why: a table in ARRAY JOIN
-- canary: schema
SELECT x FROM events ARRAY JOIN (SELECT groupArray(name) FROM system.tables) AS x

-- name: order_by_subquery
-- why: a table in ORDER BY
-- canary: schema
SELECT 1 ORDER BY (SELECT name FROM system.tables LIMIT 1)

-- name: limit_subquery
-- why: a table in LIMIT
-- canary: schema
SELECT number FROM numbers(100) LIMIT (SELECT count() FROM system.tables)

-- name: limit_by_subquery
-- why: a table in LIMIT BY
-- canary: schema
SELECT number FROM numbers(9) LIMIT 1 BY (SELECT name FROM system.tables LIMIT 1)

-- name: window_subquery
-- why: a table in a window
-- canary: schema
SELECT count() OVER (PARTITION BY (SELECT name FROM system.tables LIMIT 1)) FROM events

-- name: named_window_subquery
-- why: a table in a named window
-- canary: schema
SELECT count() OVER w FROM events WINDOW w AS (ORDER BY (SELECT name FROM system.tables LIMIT 1))

-- name: frame_subquery
-- why: a table in a frame's bound
-- canary: schema
SELECT count() OVER (ORDER BY 1 ROWS BETWEEN (SELECT 1 FROM system.one) PRECEDING AND CURRENT ROW) FROM events

-- name: fill_subquery
-- why: a table in WITH FILL
-- canary: schema
SELECT number FROM numbers(3) ORDER BY number WITH FILL TO (SELECT count() FROM system.tables)

-- name: interpolate_subquery
-- why: a table in INTERPOLATE
-- canary: schema
SELECT number, 1 AS x FROM numbers(3) ORDER BY number WITH FILL INTERPOLATE (x AS (SELECT 1 FROM system.one))

-- name: having_subquery
-- why: a table in HAVING
-- canary: schema
SELECT count() FROM events HAVING (SELECT count() FROM system.tables) > 0

-- name: qualify_subquery
-- why: a table in QUALIFY
-- canary: schema
SELECT event FROM events QUALIFY count() OVER () > (SELECT count() FROM system.tables)

-- name: group_by_subquery
-- why: a table in GROUPING SETS
-- canary: schema
SELECT 1 FROM events GROUP BY GROUPING SETS (((SELECT name FROM system.tables LIMIT 1)))

-- name: using_subquery
-- why: a table in the condition of a join
-- canary: schema
SELECT 1 FROM events AS a JOIN events AS b ON a.event = b.event AND (SELECT count() FROM system.one) = 1

-- name: parameters_of_aggregate
-- why: a table in the parameters of an aggregate
-- canary: schema
SELECT quantile((SELECT 0.5 FROM system.one))(number) FROM numbers(3)

-- name: replace_transformer
-- why: a table in REPLACE
-- canary: schema
SELECT * REPLACE ((SELECT name FROM system.tables LIMIT 1) AS event) FROM event_counts

-- name: lambda_body
-- why: a table in a lambda
-- canary: schema
SELECT arrayMap(x -> (SELECT count() FROM system.tables), [1])

-- name: view_body
-- why: a table in view()
-- canary: schema
SELECT * FROM view(SELECT * FROM system.tables)

-- name: numbers_argument
-- why: a table in the argument of a table function
-- canary: schema
SELECT * FROM numbers((SELECT count() FROM system.tables))

-- name: values_argument
-- why: a table in VALUES
-- canary: schema
SELECT * FROM VALUES('a String', ((SELECT name FROM system.tables LIMIT 1)))

-- name: table_statement
-- why: the short form of SELECT *
-- canary: schema
TABLE system.tables

-- name: foreign_project_by_name
-- why: a guess at another's table
-- canary: rows
SELECT * FROM events_prj_foreign

-- name: star_of_database
-- why: a star with a database
-- canary: rows
SELECT default.events.* FROM rejected_events AS events

-- name: final_of_a_foreign_table
-- why: FINAL beside a table
-- canary: rows
SELECT * FROM rejected_events FINAL

-- name: sample
-- why: SAMPLE reads the physical table
-- canary: rows
SELECT * FROM events SAMPLE 0.1

-- name: sample_offset
-- why: SAMPLE reads the physical table
-- canary: rows
SELECT * FROM events SAMPLE 1/10 OFFSET 1/2

-- name: stream
-- why: a table as an endless stream
-- canary: limits
SELECT * FROM events STREAM

-- name: name_of_the_fence
-- why: a CTE under the name the fence would give
-- canary: rows
WITH fence_cte_1 AS (SELECT 1) SELECT * FROM fence_cte_1

-- name: in_table_with_an_alias_elsewhere
-- why: a name that means a column elsewhere and a table here
-- canary: rows
SELECT 1 IN event_ids FROM (SELECT 1 AS x) AS a WHERE 1 IN (SELECT 1 AS event_ids)

-- name: in_qualified_table_with_an_alias
-- why: a name that means a column elsewhere and a table here
-- canary: rows
SELECT 0 IN system.one FROM (SELECT 1 AS system) AS a

-- name: in_function_form_with_an_alias_elsewhere
-- why: a name that means a column elsewhere and a table here
-- canary: rows
SELECT notIn(1, event_ids) FROM (SELECT 1 AS x) AS a WHERE 1 IN (SELECT 1 AS event_ids)

-- name: count_of_the_physical_table
-- why: a name that means a column elsewhere and a table here
-- canary: rows
SELECT count() FROM default.events
