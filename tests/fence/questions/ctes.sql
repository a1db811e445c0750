-- name: cte
-- rows: [["2026-03-02", 2], ["2026-03-03", 1], ["2026-03-04", 1], ["2026-03-06", 1]]
WITH signups AS (SELECT person, date FROM events WHERE event = 'signup') SELECT date, count() FROM signups GROUP BY date ORDER BY date

-- name: cte_named_like_the_table
-- rows: [[8]]
WITH events AS (SELECT * FROM events WHERE country = 'DE') SELECT count() FROM events

-- name: cte_of_cte
-- rows: [[5]]
WITH a AS (SELECT person, event FROM events), b AS (SELECT person FROM a WHERE event = 'signup') SELECT count() FROM b

-- name: cte_used_twice
-- rows: [["2026-03-02", 7, 6], ["2026-03-03", 6, 6], ["2026-03-04", 6, 4], ["2026-03-05", 4, 3], ["2026-03-06", 3, 1]]
WITH d AS (SELECT date, count() AS n FROM events GROUP BY date) SELECT x.date, x.n, y.n FROM d AS x JOIN d AS y ON y.date = x.date + 1 ORDER BY x.date

-- name: cte_in_union
-- rows: [[1]]
WITH s AS (SELECT 1 AS n) SELECT n FROM s UNION ALL SELECT n + 1 FROM s WHERE n > 1

-- name: cte_in_subquery
-- rows: [[1]]
SELECT * FROM (WITH q AS (SELECT 1 AS one) SELECT one FROM q)

-- name: inner_cte_shadows
-- rows: [[2, 1]]
WITH q AS (SELECT 1 AS x) SELECT (WITH q AS (SELECT 2 AS x) SELECT x FROM q) AS inner, x FROM q

-- name: cte_with_columns
-- rows: [[3]]
WITH t(a, b) AS (SELECT 1, 2) SELECT a + b FROM t

-- name: cte_qualified
-- rows: [["signup", 5]]
WITH t AS (SELECT event, count() AS n FROM events GROUP BY event) SELECT t.event, t.n FROM t WHERE t.event = 'signup'

-- name: scalar_with
-- rows: [["lesson_completed", 14.8], ["lesson_started", 18.5], ["page_view", 37.0], ["purchase", 11.1], ["signup", 18.5]]
WITH (SELECT count() FROM events) AS total, 100 AS percent SELECT event, round(count() * percent / total, 1) FROM events GROUP BY event ORDER BY event

-- name: recursive
-- rows: [[15]]
WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t

-- name: value_with
-- rows: [[6]]
WITH '2026-03-03'::Date AS day SELECT count() FROM events WHERE date = day

-- name: expression_with
-- rows: [["2026-03-02", 27]]
WITH toStartOfWeek(date, 1) AS week SELECT week, count() FROM events GROUP BY week ORDER BY week

-- name: nested_subqueries
-- rows: [[7]]
SELECT max(n) FROM (SELECT person, count() AS n FROM (SELECT person FROM (SELECT * FROM events) WHERE user_id != '') GROUP BY person)

-- name: column_aliases_of_subquery
-- rows: [[27]]
SELECT n FROM (SELECT count() FROM events) AS t(n)

-- name: correlated_free_scalar_in_select
-- rows: [["lesson_completed", "2026-03-07"]]
SELECT event, (SELECT max(date) FROM events) AS last FROM events GROUP BY event ORDER BY event LIMIT 1
