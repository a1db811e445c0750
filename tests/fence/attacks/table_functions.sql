-- name: file
-- why: a table function beyond the list
-- canary: file
SELECT * FROM file('/etc/passwd', 'LineAsString', 'x String')

-- name: url
-- why: a table function beyond the list
-- canary: network
SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'a String')

-- name: remote
-- why: a table function beyond the list
-- canary: network
SELECT * FROM remote('127.0.0.1:9', system.one)

-- name: remote_secure
-- why: a table function beyond the list
-- canary: network
SELECT * FROM remoteSecure('127.0.0.1:9', system.one)

-- name: remote_of_events
-- why: a table function beyond the list
-- canary: rows
SELECT * FROM remote('127.0.0.1', default, events)

-- name: cluster
-- why: a table function beyond the list
-- canary: rows
SELECT * FROM cluster('default', default, events)

-- name: cluster_all_replicas
-- why: a table function beyond the list
-- canary: rows
SELECT * FROM clusterAllReplicas('default', system.tables)

-- name: merge
-- why: a table function beyond the list
-- canary: rows
SELECT * FROM merge('default', '^events')

-- name: merge_database_pattern
-- why: a table function beyond the list
-- canary: schema
SELECT * FROM merge(REGEXP('.*'), '.*')

-- name: s3
-- why: a table function beyond the list
-- canary: network
SELECT * FROM s3('http://127.0.0.1:9/b/k', 'CSV')

-- name: s3_cluster
-- why: a table function beyond the list
-- canary: network
SELECT * FROM s3Cluster('default', 'http://127.0.0.1:9/b/k')

-- name: gcs
-- why: a table function beyond the list
-- canary: network
SELECT * FROM gcs('http://127.0.0.1:9/b/k', 'CSV')

-- name: hdfs
-- why: a table function beyond the list
-- canary: network
SELECT * FROM hdfs('hdfs://127.0.0.1:9/x', 'CSV', 'a String')

-- name: azure
-- why: a table function beyond the list
-- canary: network
SELECT * FROM azureBlobStorage('http://127.0.0.1:9/', 'c', 'p')

-- name: mysql
-- why: a table function beyond the list
-- canary: network
SELECT * FROM mysql('127.0.0.1:9', 'd', 't', 'u', 'p')

-- name: postgresql
-- why: a table function beyond the list
-- canary: network
SELECT * FROM postgresql('127.0.0.1:9', 'd', 't', 'u', 'p')

-- name: mongodb
-- why: a table function beyond the list
-- canary: network
SELECT * FROM mongodb('127.0.0.1:9', 'd', 'c', 'u', 'p', 'a String')

-- name: redis
-- why: a table function beyond the list
-- canary: network
SELECT * FROM redis('127.0.0.1:9', 'k', 'k String')

-- name: sqlite
-- why: a table function beyond the list
-- canary: file
SELECT * FROM sqlite('/tmp/x.db', 't')

-- name: odbc
-- why: a table function beyond the list
-- canary: network
SELECT * FROM odbc('DSN=x', 't')

-- name: jdbc
-- why: a table function beyond the list
-- canary: network
SELECT * FROM jdbc('jdbc:x', 't')

-- name: executable
-- why: a table function beyond the list
-- canary: process
SELECT * FROM executable('id', 'TSV', 'x String')

-- name: python
-- why: a table function beyond the list
-- canary: process
SELECT * FROM python('x')

-- name: python_capital
-- why: a table function beyond the list
-- canary: process
SELECT * FROM Python(os)

-- name: input
-- why: a table function beyond the list
-- canary: engine
SELECT * FROM input('a String')

-- name: dictionary
-- why: a table function beyond the list
-- canary: rows
SELECT * FROM dictionary('d')

-- name: generate_random
-- why: a table function beyond the list
-- canary: limits
SELECT * FROM generateRandom('a Array(String)')

-- name: fuzz_json
-- why: a table function beyond the list
-- canary: limits
SELECT * FROM fuzzJSON('x', '{}')

-- name: fuzz_query
-- why: a table function beyond the list
-- canary: engine
SELECT * FROM fuzzQuery('SELECT 1')

-- name: format
-- why: a table function beyond the list
-- canary: file
SELECT * FROM format('CSV', '1')

-- name: eval
-- why: a table function beyond the list
-- canary: engine
SELECT * FROM eval('SELECT * FROM system.tables')

-- name: loop
-- why: a table function beyond the list
-- canary: limits
SELECT * FROM loop(events)

-- name: loop_of_system
-- why: a table function beyond the list
-- canary: schema
SELECT * FROM loop(system.tables)

-- name: primes
-- why: a table function beyond the list
-- canary: limits
SELECT * FROM primes(1000000000000)

-- name: null_table
-- why: a table function beyond the list
-- canary: engine
SELECT * FROM null('a String')

-- name: view_if_permitted
-- why: a table function beyond the list
-- canary: schema
SELECT * FROM viewIfPermitted(SELECT * FROM system.users ELSE null('name String'))

-- name: view_explain
-- why: a table function beyond the list
-- canary: schema
SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))

-- name: merge_tree_index
-- why: a table function beyond the list
-- canary: schema
SELECT * FROM mergeTreeIndex(default, events)

-- name: merge_tree_projection
-- why: a table function beyond the list
-- canary: rows
SELECT * FROM mergeTreeProjection(default, events, p)

-- name: merge_tree_text_index
-- why: a table function beyond the list
-- canary: rows
SELECT * FROM mergeTreeTextIndex(default, events, i)

-- name: merge_tree_analyze
-- why: a table function beyond the list
-- canary: schema
SELECT * FROM mergeTreeAnalyzeIndexes(default, events)

-- name: filesystem
-- why: a table function beyond the list
-- canary: file
SELECT * FROM filesystem('/etc')

-- name: iceberg
-- why: a table function beyond the list
-- canary: network
SELECT * FROM iceberg('http://127.0.0.1:9/')

-- name: iceberg_local
-- why: a table function beyond the list
-- canary: file
SELECT * FROM icebergLocal('/tmp')

-- name: delta_lake
-- why: a table function beyond the list
-- canary: network
SELECT * FROM deltaLake('http://127.0.0.1:9/')

-- name: hudi
-- why: a table function beyond the list
-- canary: network
SELECT * FROM hudi('http://127.0.0.1:9/')

-- name: paimon_local
-- why: a table function beyond the list
-- canary: file
SELECT * FROM paimonLocal('/tmp')

-- name: arrow_stream
-- why: a table function beyond the list
-- canary: process
SELECT * FROM arrowstream('x')

-- name: bigquery
-- why: a table function beyond the list
-- canary: network
SELECT * FROM bigquery('p', 'd', 't')

-- name: prometheus
-- why: a table function beyond the list
-- canary: rows
SELECT * FROM prometheusQuery('default', 't', 'up', now())

-- name: time_series
-- why: a table function beyond the list
-- canary: rows
SELECT * FROM timeSeriesData('default', 't')

-- name: ytsaurus
-- why: a table function beyond the list
-- canary: network
SELECT * FROM ytsaurus('http://127.0.0.1:9', 'p', 't', 'a String')

-- name: url_cluster
-- why: a table function beyond the list
-- canary: network
SELECT * FROM urlCluster('default', 'http://127.0.0.1:9/')

-- name: file_cluster
-- why: a table function beyond the list
-- canary: file
SELECT * FROM fileCluster('default', '/etc/passwd')

-- name: other_case
-- why: a table function where it is less expected
-- canary: file
SELECT * FROM FILE('/etc/passwd')

-- name: quoted
-- why: a table function where it is less expected
-- canary: file
SELECT * FROM `file`('/etc/passwd')

-- name: with_comment
-- why: a table function where it is less expected
-- canary: file
SELECT * FROM file /* x */ ('/etc/passwd')

-- name: joined
-- why: a table function where it is less expected
-- canary: file
SELECT * FROM events AS e, file('/etc/passwd') AS f

-- name: in_subquery
-- why: a table function where it is less expected
-- canary: network
SELECT * FROM (SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'a String'))

-- name: in_cte
-- why: a table function where it is less expected
-- canary: network
WITH x AS (SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'a String')) SELECT * FROM x

-- name: right_of_in
-- why: a table function where it is less expected
-- canary: file
SELECT 'x' IN file('/etc/passwd', 'LineAsString', 'x String')

-- name: right_of_in_remote
-- why: a table function where it is less expected
-- canary: network
SELECT 0 IN remote('127.0.0.1:9', system.one)

-- name: right_of_in_merge
-- why: a table function where it is less expected
-- canary: rows
SELECT 'x' IN merge('default', 'events')

-- name: right_of_in_values
-- why: a table function where it is less expected
-- canary: engine
SELECT 1 IN values('a UInt8', 1)

-- name: right_of_in_format
-- why: a table function where it is less expected
-- canary: file
SELECT '1' IN format('CSV', '1')

-- name: in_function_form
-- why: a table function where it is less expected
-- canary: file
SELECT in('x', file('/etc/passwd', 'LineAsString', 'x String'))

-- name: inside_view
-- why: a table function where it is less expected
-- canary: file
SELECT * FROM view(SELECT * FROM file('/etc/passwd'))

-- name: inside_numbers
-- why: a table function where it is less expected
-- canary: file
SELECT * FROM numbers((SELECT length(x) FROM file('/etc/passwd', 'LineAsString', 'x String') LIMIT 1))

-- name: values_with_a_state
-- why: a table function where it is less expected
-- canary: process
SELECT * FROM VALUES('a AggregateFunction(uniq, String)', 'x')

-- name: values_with_a_simple_state
-- why: a table function where it is less expected
-- canary: process
SELECT * FROM values('a SimpleAggregateFunction(sum, UInt64)', 1)

-- name: subquery_as_argument
-- why: a table function where it is less expected
-- canary: file
SELECT file(SELECT '/etc/passwd')

-- name: settings_in_table_function
-- why: a table function where it is less expected
-- canary: file
SELECT * FROM numbers(10, SETTINGS max_block_size = 1)

-- name: view_of_two
-- why: a table function where it is less expected
-- canary: engine
SELECT * FROM view(SELECT 1, SELECT 2)

-- name: remote_with_view
-- why: a table function where it is less expected
-- canary: rows
SELECT * FROM remote('127.0.0.1', view(SELECT * FROM default.events))
