-- name: insert
-- why: more or other than one SELECT
-- canary: write
INSERT INTO events SELECT * FROM events

-- name: insert_values
-- why: more or other than one SELECT
-- canary: write
INSERT INTO events (event) VALUES ('x')

-- name: insert_into_function
-- why: more or other than one SELECT
-- canary: write
INSERT INTO FUNCTION file('/tmp/x.csv') SELECT 1

-- name: create_table
-- why: more or other than one SELECT
-- canary: write
CREATE TABLE x (a Int8) ENGINE = Memory

-- name: create_as_select
-- why: more or other than one SELECT
-- canary: write
CREATE TABLE x ENGINE = Memory AS SELECT * FROM events

-- name: create_function
-- why: more or other than one SELECT
-- canary: write
CREATE FUNCTION f AS x -> x

-- name: create_user
-- why: more or other than one SELECT
-- canary: write
CREATE USER mallory

-- name: create_view
-- why: more or other than one SELECT
-- canary: write
CREATE VIEW v AS SELECT 1

-- name: create_dictionary
-- why: more or other than one SELECT
-- canary: write
CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT()) LIFETIME(1)

-- name: drop
-- why: more or other than one SELECT
-- canary: write
DROP TABLE events

-- name: truncate
-- why: more or other than one SELECT
-- canary: write
TRUNCATE TABLE events

-- name: alter
-- why: more or other than one SELECT
-- canary: write
ALTER TABLE events DELETE WHERE 1

-- name: delete
-- why: more or other than one SELECT
-- canary: write
DELETE FROM events WHERE 1

-- name: update
-- why: more or other than one SELECT
-- canary: write
UPDATE events SET event = 'x' WHERE 1

-- name: rename
-- why: more or other than one SELECT
-- canary: write
RENAME TABLE events TO x

-- name: exchange
-- why: more or other than one SELECT
-- canary: write
EXCHANGE TABLES events AND user_days

-- name: optimize
-- why: more or other than one SELECT
-- canary: write
OPTIMIZE TABLE events FINAL

-- name: detach
-- why: more or other than one SELECT
-- canary: write
DETACH TABLE events

-- name: attach
-- why: more or other than one SELECT
-- canary: write
ATTACH TABLE events

-- name: undrop
-- why: more or other than one SELECT
-- canary: write
UNDROP TABLE events

-- name: grant
-- why: more or other than one SELECT
-- canary: write
GRANT ALL ON *.* TO default

-- name: revoke
-- why: more or other than one SELECT
-- canary: write
REVOKE ALL ON *.* FROM default

-- name: set
-- why: more or other than one SELECT
-- canary: limits
SET max_execution_time = 0

-- name: set_role
-- why: more or other than one SELECT
-- canary: rows
SET ROLE svc

-- name: set_default_role
-- why: more or other than one SELECT
-- canary: rows
SET DEFAULT ROLE svc TO default

-- name: use
-- why: more or other than one SELECT
-- canary: schema
USE system

-- name: kill
-- why: more or other than one SELECT
-- canary: process
KILL QUERY WHERE 1

-- name: kill_mutation
-- why: more or other than one SELECT
-- canary: process
KILL MUTATION WHERE 1

-- name: system
-- why: more or other than one SELECT
-- canary: process
SYSTEM RELOAD CONFIG

-- name: system_shutdown
-- why: more or other than one SELECT
-- canary: process
SYSTEM SHUTDOWN

-- name: backup
-- why: more or other than one SELECT
-- canary: file
BACKUP TABLE events TO File('/tmp/x')

-- name: restore
-- why: more or other than one SELECT
-- canary: write
RESTORE TABLE events FROM File('/tmp/x')

-- name: show_tables
-- why: more or other than one SELECT
-- canary: schema
SHOW TABLES

-- name: show_create
-- why: more or other than one SELECT
-- canary: schema
SHOW CREATE TABLE events

-- name: show_grants
-- why: more or other than one SELECT
-- canary: environment
SHOW GRANTS

-- name: show_processlist
-- why: more or other than one SELECT
-- canary: process
SHOW PROCESSLIST

-- name: show_settings
-- why: more or other than one SELECT
-- canary: environment
SHOW SETTINGS LIKE '%'

-- name: show_databases
-- why: more or other than one SELECT
-- canary: schema
SHOW DATABASES

-- name: show_access
-- why: more or other than one SELECT
-- canary: environment
SHOW ACCESS

-- name: show_functions
-- why: more or other than one SELECT
-- canary: schema
SHOW FUNCTIONS

-- name: describe
-- why: more or other than one SELECT
-- canary: schema
DESCRIBE TABLE events

-- name: describe_url
-- why: more or other than one SELECT
-- canary: network
DESCRIBE TABLE url('http://127.0.0.1:9/')

-- name: describe_file
-- why: more or other than one SELECT
-- canary: file
DESC file('/etc/passwd')

-- name: describe_subquery
-- why: more or other than one SELECT
-- canary: schema
DESCRIBE (SELECT * FROM events)

-- name: exists
-- why: more or other than one SELECT
-- canary: schema
EXISTS TABLE rejected_events

-- name: check
-- why: more or other than one SELECT
-- canary: process
CHECK TABLE events

-- name: explain
-- why: more or other than one SELECT
-- canary: schema
EXPLAIN SELECT 1

-- name: explain_plan
-- why: more or other than one SELECT
-- canary: schema
EXPLAIN PLAN indexes = 1 SELECT * FROM events

-- name: explain_pipeline
-- why: more or other than one SELECT
-- canary: schema
EXPLAIN PIPELINE SELECT 1

-- name: explain_estimate
-- why: more or other than one SELECT
-- canary: schema
EXPLAIN ESTIMATE SELECT * FROM events

-- name: explain_ast
-- why: more or other than one SELECT
-- canary: schema
EXPLAIN AST SELECT 1

-- name: explain_syntax
-- why: more or other than one SELECT
-- canary: schema
EXPLAIN SYNTAX SELECT 1

-- name: explain_query_tree
-- why: more or other than one SELECT
-- canary: schema
EXPLAIN QUERY TREE SELECT * FROM events

-- name: explain_table_override
-- why: more or other than one SELECT
-- canary: schema
EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:9', 'a', 'b', 'c', 'd') PARTITION BY 1

-- name: explain_in_from
-- why: more or other than one SELECT
-- canary: schema
SELECT * FROM (EXPLAIN SELECT * FROM events)

-- name: explain_in_from_plan
-- why: more or other than one SELECT
-- canary: schema
SELECT * FROM (EXPLAIN PLAN actions = 1 SELECT * FROM events)

-- name: explain_with_settings
-- why: more or other than one SELECT
-- canary: limits
EXPLAIN SELECT 1 SETTINGS max_threads = 1

-- name: describe_in_from
-- why: more or other than one SELECT
-- canary: schema
SELECT * FROM (DESCRIBE events)

-- name: show_in_from
-- why: more or other than one SELECT
-- canary: schema
SELECT * FROM (SHOW TABLES)

-- name: two_statements
-- why: more or other than one SELECT
-- canary: write
SELECT 1; SELECT 2

-- name: two_statements_write
-- why: more or other than one SELECT
-- canary: write
SELECT 1; DROP TABLE events

-- name: three_statements
-- why: more or other than one SELECT
-- canary: write
SELECT 1;;DROP TABLE events;

-- name: two_statements_comment
-- why: more or other than one SELECT
-- canary: write
SELECT 1 /* ; */ ; -- x
DROP TABLE events

-- name: two_statements_newline
-- why: more or other than one SELECT
-- canary: write
SELECT 1
;
TRUNCATE TABLE events

-- name: parallel_with
-- why: more or other than one SELECT
-- canary: write
SELECT 1 PARALLEL WITH DROP TABLE events

-- name: semicolon_first
-- why: more or other than one SELECT
-- canary: write
; DROP TABLE events

-- name: begin
-- why: more or other than one SELECT
-- canary: process
BEGIN TRANSACTION

-- name: execute_as
-- why: more or other than one SELECT
-- canary: rows
EXECUTE AS default SELECT 1

-- name: external_ddl
-- why: more or other than one SELECT
-- canary: network
EXTERNAL DDL FROM MySQL(a, b) CREATE TABLE x (a Int8)

-- name: move_access
-- why: more or other than one SELECT
-- canary: write
MOVE USER a TO b

-- name: values_statement
-- why: more or other than one SELECT
-- canary: engine
VALUES (1, 2)

-- name: empty
-- why: more or other than one SELECT
-- canary: engine


-- name: spaces
-- why: more or other than one SELECT
-- canary: engine
   
 

-- name: comment_only
-- why: more or other than one SELECT
-- canary: engine
-- nothing

-- name: half
-- why: more or other than one SELECT
-- canary: engine
SELECT

-- name: on_cluster
-- why: more or other than one SELECT
-- canary: write
CREATE TABLE x ON CLUSTER c (a Int8) ENGINE = Memory

-- name: insert_from_infile
-- why: more or other than one SELECT
-- canary: file
INSERT INTO events FROM INFILE '/etc/passwd' FORMAT CSV

-- name: kusto
-- why: more or other than one SELECT
-- canary: engine
events | count

-- name: copy
-- why: more or other than one SELECT
-- canary: file
COPY events TO '/tmp/x'

-- name: snapshot
-- why: more or other than one SELECT
-- canary: file
SNAPSHOT TABLE events TO File('/tmp/x')

