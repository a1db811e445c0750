-- name: inner_join
-- rows: [["u-1", "e-07"], ["u-2", "e-12"], ["u-4", "e-19"]]
SELECT a.person, b.event_id FROM events AS a INNER JOIN events AS b ON a.person = b.person AND b.event = 'purchase' WHERE a.event = 'signup' ORDER BY a.person

-- name: left_join
-- rows: [["u-1", 1], ["u-2", 1], ["u-3", 0], ["u-4", 1], ["u-5", 0]]
SELECT s.person, p.n FROM (SELECT person FROM events WHERE event = 'signup') AS s LEFT JOIN (SELECT person, count() AS n FROM events WHERE event = 'purchase' GROUP BY person) AS p ON s.person = p.person ORDER BY s.person

-- name: join_using
-- rows: [["u-1", 7], ["u-2", 5], ["u-3", 4], ["u-4", 5], ["u-5", 3]]
SELECT person, n FROM (SELECT DISTINCT person FROM events WHERE event = 'signup') AS s JOIN (SELECT person, count() AS n FROM events GROUP BY person) AS c USING (person) ORDER BY person

-- name: semi_and_anti
-- rows: [["u-5"]]
SELECT person FROM (SELECT DISTINCT person FROM events WHERE event = 'signup') AS s LEFT ANTI JOIN (SELECT person FROM events WHERE event = 'lesson_started') AS l ON s.person = l.person ORDER BY person

-- name: any_join
-- rows: [[7]]
SELECT count() FROM (SELECT DISTINCT person FROM events) AS p ANY LEFT JOIN events AS e ON p.person = e.person

-- name: asof_join
-- rows: [["u-1", "e-05"], ["u-2", "e-10"]]
SELECT p.person, s.event_id FROM (SELECT person, timestamp FROM events WHERE event = 'purchase') AS p ASOF JOIN (SELECT person, timestamp, event_id FROM events WHERE event = 'lesson_started') AS s ON p.person = s.person AND p.timestamp >= s.timestamp ORDER BY p.person

-- name: cross_join
-- rows: [[12]]
SELECT count() FROM (SELECT DISTINCT country FROM events) AS a CROSS JOIN (SELECT DISTINCT device FROM events) AS b

-- name: comma_join
-- rows: [[6]]
SELECT count() FROM numbers(3) AS a, numbers(4) AS b WHERE a.number < b.number

-- name: full_join
-- rows: [[0, 3], [1, 0], [2, 2]]
SELECT a.x, b.x FROM (SELECT arrayJoin([1, 2]) AS x) AS a FULL OUTER JOIN (SELECT arrayJoin([2, 3]) AS x) AS b ON a.x = b.x ORDER BY 1, 2

-- name: three_tables
-- rows: [[27]]
SELECT count() FROM events AS a JOIN user_days AS b ON a.person = b.person AND a.local_date = b.local_date AND a.event = b.event JOIN event_counts AS c ON c.event = a.event AND c.bucket = toStartOfFifteenMinutes(a.timestamp)

-- name: paste_join
-- rows: [[0, 10], [1, 11]]
SELECT a.number, b.number FROM numbers(2) AS a PASTE JOIN (SELECT number + 10 AS number FROM numbers(2)) AS b

-- name: join_in_brackets
-- rows: [[27]]
SELECT count() FROM (SELECT e.person FROM events AS e JOIN user_timeline AS t ON e.person = t.person AND e.timestamp = t.timestamp)

-- name: in_subquery
-- rows: [[17]]
SELECT count() FROM events WHERE person IN (SELECT person FROM events WHERE event = 'purchase')

-- name: not_in_subquery
-- rows: [[2]]
SELECT uniqExact(person) FROM events WHERE person NOT IN (SELECT person FROM events WHERE event = 'purchase') AND user_id != ''

-- name: in_cte_by_name
-- rows: [[17]]
WITH buyers AS (SELECT person FROM events WHERE event = 'purchase') SELECT count() FROM events WHERE person IN buyers

-- name: in_named_list
-- rows: [[19]]
WITH ('GB', 'DE') AS places SELECT count() FROM events WHERE country IN places

-- name: global_in
-- rows: [[17]]
SELECT count() FROM events WHERE person GLOBAL IN (SELECT person FROM events WHERE event = 'purchase')

-- name: exists
-- rows: [[1]]
SELECT count() FROM (SELECT 1) WHERE EXISTS (SELECT 1 FROM events WHERE event = 'signup')

-- name: scalar_subquery
-- rows: [[0.37037037037]]
SELECT count() / (SELECT count() FROM events) FROM events WHERE event = 'page_view'

-- name: greater_than_all
-- rows: [[1, 1]]
SELECT 5 > ALL (SELECT number FROM numbers(5)), 3 = ANY (SELECT number FROM numbers(5))

-- name: self_join_next_day
-- rows: [[6]]
SELECT count() FROM (SELECT DISTINCT person, date FROM events) AS a JOIN (SELECT DISTINCT person, date FROM events) AS b ON a.person = b.person AND b.date = a.date + 1

-- name: natural_names_of_sides
-- rows: [["2026-03-04", 1], ["2026-03-04", 1], ["2026-03-05", 1]]
SELECT a.date AS day, b.events FROM event_counts AS a JOIN event_counts AS b ON a.date = b.date AND a.event = b.event AND a.bucket = b.bucket WHERE a.event = 'purchase' ORDER BY day
