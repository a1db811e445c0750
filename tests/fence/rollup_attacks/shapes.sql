-- name: union
-- why: a second source
SELECT event, count() AS n FROM events GROUP BY event UNION ALL SELECT event, count() AS n FROM events GROUP BY event

-- name: join
-- why: rows of two tables for each event
SELECT e.event AS event, count() AS n FROM events AS e JOIN user_days AS d ON d.person = e.person GROUP BY event

-- name: comma_join
-- why: a product of all rows
SELECT a.event AS event, count() AS n FROM events AS a, events AS b GROUP BY event

-- name: array_join
-- why: as many rows as a list is long, of each event
SELECT event, x, count() AS n FROM events ARRAY JOIN [1, 2, 3] AS x GROUP BY event, x

-- name: array_join_function
-- why: likewise, by a function
SELECT arrayJoin(range(1000000)) AS x, count() AS n FROM events GROUP BY x

-- name: other_table
-- why: a table that no view sees
SELECT event, sum(events) AS n FROM event_counts GROUP BY event

-- name: numbers
-- why: rows out of nothing
SELECT number, count() AS n FROM numbers(1000000000) GROUP BY number

-- name: view
-- why: a subquery by another name
SELECT event, count() AS n FROM view(SELECT event FROM events) GROUP BY event

-- name: subquery_source
-- why: a subquery
SELECT event, count() AS n FROM (SELECT * FROM events) GROUP BY event

-- name: cte
-- why: a subquery by another name
WITH x AS (SELECT * FROM events) SELECT event, count() AS n FROM x GROUP BY event

-- name: with_value
-- why: a question that is asked when the view is made
WITH (SELECT max(timestamp) FROM events) AS last SELECT event, count() AS n FROM events WHERE timestamp = last GROUP BY event

-- name: scalar_subquery
-- why: a question for each batch
SELECT event, (SELECT count() FROM events) AS k, count() AS n FROM events GROUP BY event, k

-- name: in_subquery
-- why: a question for each batch
SELECT event, count() AS n FROM events WHERE user_id IN (SELECT user_id FROM events) GROUP BY event

-- name: in_table
-- why: a table right of IN
SELECT event, count() AS n FROM events WHERE event IN event_counts GROUP BY event

-- name: exists
-- why: a question for each batch
SELECT event, count() AS n FROM events WHERE EXISTS (SELECT 1) GROUP BY event

-- name: aggregate_over_subquery
-- why: a question within an aggregate
SELECT event, max((SELECT max(timestamp) FROM events)) AS n FROM events GROUP BY event

-- name: having
-- why: states that are dropped depend on how events were cut into batches
SELECT event, count() AS n FROM events GROUP BY event HAVING n > 1

-- name: limit
-- why: likewise
SELECT event, count() AS n FROM events GROUP BY event LIMIT 10

-- name: limit_by
-- why: likewise
SELECT event, count() AS n FROM events GROUP BY event LIMIT 1 BY event

-- name: order_by
-- why: nothing a table keeps
SELECT event, count() AS n FROM events GROUP BY event ORDER BY n

-- name: distinct
-- why: what is dropped depends on the batch
SELECT DISTINCT event, count() AS n FROM events GROUP BY event

-- name: totals
-- why: a row that is none
SELECT event, count() AS n FROM events GROUP BY event WITH TOTALS

-- name: cube
-- why: rows that are counted more than once
SELECT event, country, count() AS n FROM events GROUP BY CUBE(event, country)

-- name: grouping_sets
-- why: likewise
SELECT event, country, count() AS n FROM events GROUP BY GROUPING SETS ((event), (country))

-- name: group_by_all
-- why: dimensions that nobody named
SELECT event, count() AS n FROM events GROUP BY ALL

-- name: no_group_by
-- why: a group for nothing
SELECT count() AS n FROM events

-- name: window
-- why: other rows
SELECT event, count() AS n, sum(1) OVER () AS w FROM events GROUP BY event

-- name: final
-- why: slow
SELECT event, count() AS n FROM events FINAL GROUP BY event

-- name: sample
-- why: not all events
SELECT event, count() AS n FROM events SAMPLE 0.1 GROUP BY event

-- name: prewhere
-- why: a clause a block in memory does not have
SELECT event, count() AS n FROM events PREWHERE event = 'x' GROUP BY event

-- name: settings
-- why: settings of the insert
SELECT event, count() AS n FROM events GROUP BY event SETTINGS max_memory_usage = 0

-- name: star
-- why: whatever columns there will be
SELECT *, count() AS n FROM events GROUP BY event

-- name: columns_matcher
-- why: likewise
SELECT COLUMNS('.*'), count() AS n FROM events GROUP BY event

-- name: parameter
-- why: a value nobody gives
SELECT event, count() AS n FROM events WHERE event = {name:String} GROUP BY event

-- name: hidden_dimension
-- why: more groups than one sees
SELECT event, count() AS n FROM events GROUP BY event, event_id

-- name: foreign_project
-- why: another project's rows
SELECT project_id, count() AS n FROM events GROUP BY project_id

-- name: physical_name
-- why: another project's rows, by the name inside the fence
SELECT fence_table.project_id AS p, count() AS n FROM events GROUP BY p

-- name: taken_column
-- why: to stand for the column by which rows are fenced
SELECT 'other' AS project_id, count() AS n FROM events GROUP BY project_id

-- name: taken_expiry
-- why: rows that never go
SELECT toDate('2149-01-01') AS expires_on, count() AS n FROM events GROUP BY expires_on

-- name: reserved_column
-- why: to stand for the day of a row
SELECT toDate('2020-01-01') AS fence_day, count() AS n FROM events GROUP BY fence_day

-- name: quoted_column
-- why: text within a name
SELECT event AS `x``) ENGINE = File(CSV)`, count() AS n FROM events GROUP BY `x``) ENGINE = File(CSV)`

-- name: unnamed_column
-- why: a column with the engine's name for it
SELECT event, count() FROM events GROUP BY event

-- name: two_statements
-- why: anything
SELECT event, count() AS n FROM events GROUP BY event; DROP TABLE events

-- name: insert
-- why: rows
INSERT INTO events SELECT event, count() AS n FROM events GROUP BY event
