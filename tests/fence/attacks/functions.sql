-- name: file
-- why: a function beyond the list
-- canary: file
SELECT file('/etc/passwd')

-- name: file_case_of_call
-- why: a function beyond the list
-- canary: file
SELECT `file`('/etc/passwd')

-- name: file_default
-- why: a function beyond the list
-- canary: file
SELECT file('/x', 'd')

-- name: sleep
-- why: a function beyond the list
-- canary: limits
SELECT sleep(3)

-- name: sleep_each_row
-- why: a function beyond the list
-- canary: limits
SELECT sleepEachRow(3)

-- name: host_name
-- why: a function beyond the list
-- canary: environment
SELECT hostName()

-- name: hostname
-- why: a function beyond the list
-- canary: environment
SELECT hostname()

-- name: fqdn
-- why: a function beyond the list
-- canary: environment
SELECT FQDN()

-- name: display_name
-- why: a function beyond the list
-- canary: environment
SELECT displayName()

-- name: current_user
-- why: a function beyond the list
-- canary: environment
SELECT currentUser()

-- name: user
-- why: a function beyond the list
-- canary: environment
SELECT user()

-- name: user_any_case
-- why: a function beyond the list
-- canary: environment
SELECT USER()

-- name: current_user_sql
-- why: a function beyond the list
-- canary: environment
SELECT current_user()

-- name: current_database
-- why: a function beyond the list
-- canary: schema
SELECT currentDatabase()

-- name: database_any_case
-- why: a function beyond the list
-- canary: schema
SELECT DATABASE()

-- name: current_schemas
-- why: a function beyond the list
-- canary: schema
SELECT currentSchemas(true)

-- name: current_roles
-- why: a function beyond the list
-- canary: environment
SELECT currentRoles()

-- name: enabled_roles
-- why: a function beyond the list
-- canary: environment
SELECT enabledRoles()

-- name: default_roles
-- why: a function beyond the list
-- canary: environment
SELECT defaultRoles()

-- name: current_profiles
-- why: a function beyond the list
-- canary: environment
SELECT currentProfiles()

-- name: get_setting
-- why: a function beyond the list
-- canary: environment
SELECT getSetting('log_comment')

-- name: get_setting_or_default
-- why: a function beyond the list
-- canary: environment
SELECT getSettingOrDefault('log_comment', '')

-- name: get_server_setting
-- why: a function beyond the list
-- canary: environment
SELECT getServerSetting('max_connections')

-- name: get_merge_tree_setting
-- why: a function beyond the list
-- canary: environment
SELECT getMergeTreeSetting('index_granularity')

-- name: get_macro
-- why: a function beyond the list
-- canary: environment
SELECT getMacro('shard')

-- name: get_client_http_header
-- why: a function beyond the list
-- canary: environment
SELECT getClientHTTPHeader('Authorization')

-- name: current_request_url
-- why: a function beyond the list
-- canary: environment
SELECT currentRequestURL()

-- name: version
-- why: a function beyond the list
-- canary: environment
SELECT version()

-- name: build_id
-- why: a function beyond the list
-- canary: environment
SELECT buildId()

-- name: uptime
-- why: a function beyond the list
-- canary: environment
SELECT uptime()

-- name: server_uuid
-- why: a function beyond the list
-- canary: environment
SELECT serverUUID()

-- name: os_kernel
-- why: a function beyond the list
-- canary: environment
SELECT getOSKernelVersion()

-- name: tcp_port
-- why: a function beyond the list
-- canary: environment
SELECT tcpPort()

-- name: server_port
-- why: a function beyond the list
-- canary: environment
SELECT getServerPort('tcp_port')

-- name: global_variable
-- why: a function beyond the list
-- canary: environment
SELECT globalVariable('version')

-- name: mysql_variable
-- why: a function beyond the list
-- canary: environment
SELECT @@version

-- name: server_timezone
-- why: a function beyond the list
-- canary: environment
SELECT serverTimezone()

-- name: query_id
-- why: a function beyond the list
-- canary: process
SELECT queryID()

-- name: initial_query_id
-- why: a function beyond the list
-- canary: process
SELECT initialQueryID()

-- name: current_query_id
-- why: a function beyond the list
-- canary: process
SELECT currentQueryID()

-- name: connection_id
-- why: a function beyond the list
-- canary: process
SELECT connectionId()

-- name: filesystem_capacity
-- why: a function beyond the list
-- canary: environment
SELECT filesystemCapacity()

-- name: filesystem_available
-- why: a function beyond the list
-- canary: environment
SELECT filesystemAvailable()

-- name: zookeeper
-- why: a function beyond the list
-- canary: environment
SELECT zookeeperSessionUptime()

-- name: shard_num
-- why: a function beyond the list
-- canary: environment
SELECT shardNum()

-- name: transaction_id
-- why: a function beyond the list
-- canary: process
SELECT transactionID()

-- name: demangle
-- why: a function beyond the list
-- canary: process
SELECT demangle('_Z1fv')

-- name: address_to_symbol
-- why: a function beyond the list
-- canary: process
SELECT addressToSymbol(1)

-- name: address_to_line
-- why: a function beyond the list
-- canary: process
SELECT addressToLine(1)

-- name: log_trace
-- why: a function beyond the list
-- canary: process
SELECT logTrace('x')

-- name: tid
-- why: a function beyond the list
-- canary: process
SELECT tid()

-- name: dict_get
-- why: a function beyond the list
-- canary: rows
SELECT dictGet('d', 'a', 1)

-- name: dict_get_string
-- why: a function beyond the list
-- canary: rows
SELECT dictGetString('d', 'a', toUInt64(1))

-- name: dict_has
-- why: a function beyond the list
-- canary: rows
SELECT dictHas('d', 1)

-- name: join_get
-- why: a function beyond the list
-- canary: rows
SELECT joinGet('default.j', 'a', 1)

-- name: region
-- why: a function beyond the list
-- canary: file
SELECT regionToName(1)

-- name: has_column
-- why: a function beyond the list
-- canary: schema
SELECT hasColumnInTable('system', 'tables', 'name')

-- name: model
-- why: a function beyond the list
-- canary: file
SELECT evalMLMethod(1, 2)

-- name: catboost
-- why: a function beyond the list
-- canary: file
SELECT catboostEvaluate('/x', 1)

-- name: classifier
-- why: a function beyond the list
-- canary: file
SELECT naiveBayesClassifier('m', 'x')

-- name: ai
-- why: a function beyond the list
-- canary: network
SELECT aiGenerate('x')

-- name: ai_classify
-- why: a function beyond the list
-- canary: network
SELECT AIClassify('x', ['a'])

-- name: chdb_function
-- why: a function beyond the list
-- canary: process
SELECT chdb()

-- name: encrypt
-- why: a function beyond the list
-- canary: process
SELECT encrypt('aes-256-ecb', 'x', 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk')

-- name: throw_if
-- why: a function beyond the list
-- canary: rows
SELECT throwIf(1)

-- name: format_query
-- why: a function beyond the list
-- canary: engine
SELECT formatQuery('SELECT 1')

-- name: parse_query
-- why: a function beyond the list
-- canary: engine
SELECT parseQueryToJSON('SELECT 1')

-- name: fuzz_query
-- why: a function beyond the list
-- canary: engine
SELECT fuzzQuery('SELECT 1')

-- name: format_row
-- why: a function beyond the list
-- canary: engine
SELECT formatRow('CSV', 1)

-- name: structure
-- why: a function beyond the list
-- canary: engine
SELECT structureToProtobufSchema('a Int8')

-- name: serial_id
-- why: a function beyond the list
-- canary: process
SELECT generateSerialID('x')

-- name: snowflake
-- why: a function beyond the list
-- canary: process
SELECT generateSnowflakeID()

-- name: error_name
-- why: a function beyond the list
-- canary: engine
SELECT errorCodeToName(1)

-- name: lemmatize
-- why: a function beyond the list
-- canary: file
SELECT lemmatize('en', 'x')

-- name: synonyms
-- why: a function beyond the list
-- canary: file
SELECT synonyms('x', 'y')

-- name: show_certificate
-- why: a function beyond the list
-- canary: environment
SELECT showCertificate()

-- name: cast_internal
-- why: a function beyond the list
-- canary: engine
SELECT _CAST(1, 'String')

-- name: internal_action
-- why: a function beyond the list
-- canary: engine
SELECT __actionName(1)

-- name: get_scalar
-- why: a function beyond the list
-- canary: engine
SELECT __getScalar('x')

-- name: index_hint
-- why: a function beyond the list
-- canary: engine
SELECT indexHint(1)

-- name: subcolumn
-- why: a function beyond the list
-- canary: schema
SELECT getSubcolumn('x', 'size')

-- name: partition_id
-- why: a function beyond the list
-- canary: schema
SELECT partitionId(1)

-- name: pg_user
-- why: a function beyond the list
-- canary: environment
SELECT pgGetUserById(1)

-- name: kql
-- why: a function beyond the list
-- canary: engine
SELECT kqlBin(1, 2)

-- name: unknown
-- why: a function beyond the list
-- canary: engine
SELECT no_such_function(1)

-- name: udf
-- why: a function beyond the list
-- canary: process
SELECT my_executable(1)

-- name: in_where
-- why: a function where it is less expected
-- canary: file
SELECT 1 FROM events WHERE file('/etc/passwd') != ''

-- name: in_order_by
-- why: a function where it is less expected
-- canary: limits
SELECT 1 FROM events ORDER BY sleep(1)

-- name: in_group_by
-- why: a function where it is less expected
-- canary: environment
SELECT count() FROM events GROUP BY hostName()

-- name: in_having
-- why: a function where it is less expected
-- canary: environment
SELECT count() FROM events HAVING hostName() != ''

-- name: in_limit
-- why: a function where it is less expected
-- canary: environment
SELECT number FROM numbers(9) LIMIT length(hostName())

-- name: in_lambda
-- why: a function where it is less expected
-- canary: file
SELECT arrayMap(x -> file(x), ['/etc/passwd'])

-- name: in_fold
-- why: a function where it is less expected
-- canary: file
SELECT arrayFold((a, x) -> concat(a, file(x)), ['/etc/passwd'], '')

-- name: in_case
-- why: a function where it is less expected
-- canary: environment
SELECT CASE WHEN 1 THEN hostName() END

-- name: in_join_condition
-- why: a function where it is less expected
-- canary: environment
SELECT 1 FROM events AS a JOIN events AS b ON a.event = b.event AND a.event = hostName()

-- name: in_array_join
-- why: a function where it is less expected
-- canary: environment
SELECT x FROM events ARRAY JOIN [hostName()] AS x

-- name: in_window
-- why: a function where it is less expected
-- canary: limits
SELECT count() OVER (ORDER BY sleep(1)) FROM events

-- name: in_filter
-- why: a function where it is less expected
-- canary: limits
SELECT count() FILTER (WHERE sleep(1) = 0) FROM events

-- name: in_aggregate
-- why: a function where it is less expected
-- canary: environment
SELECT any(hostName()) FROM events

-- name: in_parameters_of_aggregate
-- why: a function where it is less expected
-- canary: environment
SELECT quantile(length(hostName()))(1)

-- name: in_with
-- why: a function where it is less expected
-- canary: environment
WITH hostName() AS h SELECT h

-- name: in_named_lambda
-- why: a function where it is less expected
-- canary: file
WITH x -> file(x) AS f SELECT f('/etc/passwd')

-- name: in_array
-- why: a function where it is less expected
-- canary: environment
SELECT [1, length(hostName())]

-- name: in_tuple
-- why: a function where it is less expected
-- canary: environment
SELECT (1, hostName())

-- name: in_in
-- why: a function where it is less expected
-- canary: environment
SELECT 'x' IN (hostName())

-- name: in_interval
-- why: a function where it is less expected
-- canary: environment
SELECT INTERVAL length(hostName()) DAY

-- name: in_between
-- why: a function where it is less expected
-- canary: environment
SELECT 1 BETWEEN 0 AND length(hostName())

-- name: in_cast
-- why: a function where it is less expected
-- canary: environment
SELECT hostName()::String

-- name: in_fill
-- why: a function where it is less expected
-- canary: environment
SELECT number FROM numbers(2) ORDER BY number WITH FILL TO length(hostName())

-- name: in_interpolate
-- why: a function where it is less expected
-- canary: environment
SELECT number, '' AS x FROM numbers(2) ORDER BY number WITH FILL INTERPOLATE (x AS hostName())

-- name: in_limit_by
-- why: a function where it is less expected
-- canary: environment
SELECT number FROM numbers(2) LIMIT 1 BY hostName()

-- name: in_table_function
-- why: a function where it is less expected
-- canary: environment
SELECT * FROM numbers(length(hostName()))

-- name: in_values
-- why: a function where it is less expected
-- canary: environment
SELECT * FROM VALUES('a String', (hostName()))

-- name: in_prewhere
-- why: a function where it is less expected
-- canary: environment
SELECT 1 FROM events PREWHERE hostName() != ''

-- name: in_grouping_sets
-- why: a function where it is less expected
-- canary: environment
SELECT 1 FROM events GROUP BY GROUPING SETS ((hostName()))

-- name: in_union
-- why: a function where it is less expected
-- canary: environment
SELECT 'a' UNION ALL SELECT hostName()

-- name: in_exists
-- why: a function where it is less expected
-- canary: environment
SELECT EXISTS (SELECT hostName())

-- name: lambda_named_like_it
-- why: a function where it is less expected
-- canary: file
SELECT (x -> x) AS file, file('/etc/passwd')

-- name: lambda_of_an_inner_scope
-- why: a function where it is less expected
-- canary: file
SELECT (WITH x -> x AS file SELECT file(1)), file('/etc/passwd')

-- name: lambda_under_a_reserved_name
-- why: a function where it is less expected
-- canary: engine
WITH x -> x AS fence_lambda_1 SELECT fence_lambda_1(1)

-- name: combinator_on_it
-- why: a function where it is less expected
-- canary: file
SELECT fileIf('/etc/passwd', 1)

-- name: combinator_state
-- why: a function where it is less expected
-- canary: limits
SELECT groupBitmapState(number) FROM numbers(3)

-- name: combinator_tower
-- why: a function where it is less expected
-- canary: limits
SELECT groupBitmapArrayIfState([1], 1)

-- name: combinators_without_end
-- why: a function where it is less expected
-- canary: limits
SELECT sumIfIfIfIfIfIf(1, 1, 1, 1, 1, 1, 1)

-- name: spaces_before_bracket
-- why: a function where it is less expected
-- canary: environment
SELECT hostName   ()

-- name: comment_before_bracket
-- why: a function where it is less expected
-- canary: environment
SELECT hostName/**/()

-- name: window_call
-- why: a function where it is less expected
-- canary: environment
SELECT hostName() OVER ()

-- name: select_as_argument
-- why: a function where it is less expected
-- canary: environment
SELECT toString(SELECT hostName())

-- name: homoglyph
-- why: a function where it is less expected
-- canary: engine
SELECT `сount`()

-- name: charset_file
-- why: a character set is looked up as a file
-- canary: file
SELECT convertCharset('abc', 'utf8', '../../../../etc/passwd')

-- name: bare_user
-- why: the engine calls some functions for a bare word
-- canary: environment
SELECT current_user

-- name: bare_user_upper
-- why: the engine calls some functions for a bare word
-- canary: environment
SELECT USER

-- name: bare_database
-- why: the engine calls some functions for a bare word
-- canary: environment
SELECT current_database FROM events

-- name: bare_in_where
-- why: the engine calls some functions for a bare word
-- canary: environment
SELECT count() FROM events WHERE event = session_user

-- name: bare_beside_a_table_function
-- why: the engine calls some functions for a bare word
-- canary: environment
SELECT current_user FROM numbers(1)

-- name: bare_under_its_own_alias
-- why: the engine calls some functions for a bare word
-- canary: environment
SELECT concat(user, '') AS user

-- name: bare_with_an_alias_elsewhere
-- why: the engine calls some functions for a bare word
-- canary: environment
SELECT (SELECT 1 AS user), user

-- name: bare_in_union
-- why: the engine calls some functions for a bare word
-- canary: environment
SELECT 'a' AS user UNION ALL SELECT user

-- name: bare_with_a_column_elsewhere
-- why: the engine calls some functions for a bare word
-- canary: environment
SELECT user FROM (SELECT 1 AS x WHERE 1 IN (SELECT 1 AS user))

-- name: bare_beside_values
-- why: the engine calls some functions for a bare word
-- canary: environment
SELECT schema, (SELECT a FROM VALUES('schema UInt8, a UInt8', (1, 1)))

-- name: bare_beside_a_cte
-- why: the engine calls some functions for a bare word
-- canary: environment
WITH c AS (SELECT 1 AS user) SELECT user
