-- name: part
-- why: names of parts
-- canary: schema
SELECT _part FROM events

-- name: partition
-- why: names of partitions
-- canary: schema
SELECT DISTINCT _partition_id FROM events

-- name: table_column
-- why: the physical table's name
-- canary: schema
SELECT _table FROM events

-- name: database_column
-- why: the physical database's name
-- canary: schema
SELECT e._database FROM events AS e

-- name: row_exists
-- why: rows that were deleted
-- canary: rows
SELECT count() FROM events WHERE _row_exists = 0

-- name: block_number
-- why: numbers of all inserts
-- canary: process
SELECT max(_block_number) FROM events

-- name: virtual_in_order
-- why: a virtual column in ORDER BY
-- canary: schema
SELECT event FROM events ORDER BY _part_offset

-- name: virtual_in_quotes
-- why: a virtual column in quotes
-- canary: schema
SELECT `_part_uuid` FROM events

-- name: apply_file
-- why: a function in APPLY
-- canary: file
SELECT * APPLY(file) FROM events

-- name: apply_without_brackets
-- why: a function in APPLY
-- canary: file
SELECT COLUMNS('event') APPLY file FROM events

-- name: apply_lambda_file
-- why: a function in the lambda of APPLY
-- canary: file
SELECT * APPLY(x -> file(x)) FROM events

-- name: apply_with_parameters
-- why: an aggregate in APPLY
-- canary: limits
SELECT COLUMNS('event') APPLY(groupBitmap) FROM events

-- name: apply_getsetting
-- why: a function in APPLY of a constant column
-- canary: environment
SELECT * APPLY(getSetting) FROM (SELECT 'log_comment' AS x)

-- name: apply_sleep
-- why: a function in APPLY
-- canary: limits
SELECT * APPLY(sleep) FROM (SELECT 3 AS x)

-- name: columns_apply_chain
-- why: a second APPLY
-- canary: environment
SELECT COLUMNS('x') APPLY(toString) APPLY(getSetting) FROM (SELECT 'log_comment' AS x)

-- name: replace_file
-- why: a function in REPLACE
-- canary: file
SELECT * REPLACE (file('/etc/passwd') AS event) FROM events

-- name: qualified_columns_apply
-- why: a function behind qualified COLUMNS
-- canary: file
SELECT e.COLUMNS('event') APPLY(file) FROM events AS e

-- name: columns_list_apply
-- why: a function behind a list of columns
-- canary: file
SELECT COLUMNS(event) APPLY(file) FROM events

-- name: identifier_parameter
-- why: a parameter that names a column
-- canary: schema
-- param: c=_part
SELECT {c:Identifier} FROM events

-- name: identifier_parameter_qualified
-- why: a parameter as part of a name
-- canary: schema
-- param: c=_part
SELECT e.{c:Identifier} FROM events AS e

-- name: table_parameter
-- why: a parameter that names a table
-- canary: schema
-- param: t=tables
SELECT * FROM {t:Identifier}

-- name: database_parameter
-- why: a parameter that names a database
-- canary: schema
-- param: d=system
SELECT * FROM {d:Identifier}.tables

-- name: alias_parameter
-- why: a parameter as an alias
-- canary: engine
-- param: a=x
SELECT 1 AS {a:Identifier}

-- name: fence_parameter
-- why: the project in a parameter of the caller's
-- canary: rows
-- param: fence_project=prj_foreign
SELECT count() FROM events WHERE {fence_project:String} != ''

-- name: fence_parameter_other_case
-- why: the project in a parameter of the caller's
-- canary: rows
-- param: FENCE_project=prj_foreign
SELECT {FENCE_project:String}

-- name: two_types_of_a_parameter
-- why: a parameter that is one thing at the check and another at the run
-- canary: engine
-- param: p=1
SELECT {p:UInt8}, {p:String}

-- name: parameter_of_a_state
-- why: bytes of the caller's as a state
-- canary: process
-- param: s=x
SELECT finalizeAggregation({s:AggregateFunction(uniq, String)})

-- name: fence_alias
-- why: an alias that stands for the table inside
-- canary: rows
SELECT fence_table.project_id FROM events AS fence_table

-- name: fence_column
-- why: the column behind a property
-- canary: schema
SELECT fence_hot_course_id FROM events

-- name: fence_alias_of_with
-- why: an alias of WITH that could reach into the subquery
-- canary: rows
WITH 'prj_foreign' AS fence_table SELECT count() FROM events

-- name: subcolumn_of_a_property
-- why: a typed subcolumn
-- canary: engine
SELECT properties.a.:Int64 FROM events

-- name: sub_object_of_a_property
-- why: a sub-object
-- canary: engine
SELECT properties.^a FROM events

-- name: property_in_except
-- why: a member of properties where a name must stand
-- canary: engine
SELECT * EXCEPT (properties.course_id) FROM events

-- name: two_tables_of_one_name
-- why: two tables under one name
-- canary: engine
SELECT count() FROM events, events

-- name: collation_by_path
-- why: a collation that is a file
-- canary: file
SELECT event FROM events ORDER BY event COLLATE '../../etc/passwd'

-- name: text_as_function_of_apply
-- why: a function named in a text
-- canary: file
SELECT * APPLY('file') FROM event_counts

-- name: project_id
-- why: a column that the public table does not have
-- canary: rows
SELECT project_id FROM events

-- name: project_id_in_where
-- why: a column that the public table does not have
-- canary: rows
SELECT count() FROM events WHERE project_id = 'prj_foreign'

-- name: project_id_qualified
-- why: a column that the public table does not have
-- canary: rows
SELECT e.project_id FROM events AS e

-- name: id_hash
-- why: a column that the public table does not have
-- canary: schema
SELECT id_hash FROM events

-- name: version_column
-- why: a column that the public table does not have
-- canary: schema
SELECT version FROM events

-- name: expires_on
-- why: a column that the public table does not have
-- canary: rows
SELECT count() FROM events WHERE expires_on < today()

-- name: user_hash_in_rollup
-- why: a column that the public table does not have
-- canary: schema
SELECT user_hash FROM user_days

-- name: hidden_in_order
-- why: a column that the public table does not have
-- canary: schema
SELECT event FROM events ORDER BY id_check

-- name: hidden_in_using
-- why: a column that the public table does not have
-- canary: schema
SELECT 1 FROM events AS a JOIN events AS b USING (project_id)

-- name: hidden_in_subquery
-- why: a column that the public table does not have
-- canary: rows
SELECT * FROM (SELECT project_id FROM events)

-- name: hidden_of_database
-- why: a column that the public table does not have
-- canary: rows
SELECT default.events.project_id FROM events

-- name: guessed
-- why: a column that the public table does not have
-- canary: schema
SELECT password FROM events

-- name: virtual_with_an_alias_elsewhere
-- why: a name that means a column elsewhere
-- canary: schema
SELECT _part FROM events WHERE 1 IN (SELECT 1 AS _part)

-- name: fence_column_with_an_alias_elsewhere
-- why: a name that means a column elsewhere
-- canary: schema
SELECT fence_hot_course_id FROM events WHERE 1 IN (SELECT 1 AS fence_hot_course_id)
