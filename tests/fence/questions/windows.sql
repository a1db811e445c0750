-- name: row_number
-- rows: [["u-3", "page_view", 1], ["u-3", "signup", 2], ["u-3", "lesson_started", 3], ["u-3", "page_view", 4]]
SELECT person, event, row_number() OVER (PARTITION BY person ORDER BY timestamp) AS n FROM events WHERE user_id = 'u-3' ORDER BY n

-- name: rank_and_dense_rank
-- rows: [[11, 1, 1], [8, 2, 2], [7, 3, 3], [1, 4, 4]]
SELECT c, rank() OVER (ORDER BY c DESC), dense_rank() OVER (ORDER BY c DESC) FROM (SELECT country, count() AS c FROM events GROUP BY country) ORDER BY c DESC

-- name: running_sum
-- rows: [["2026-03-02", 7], ["2026-03-03", 13], ["2026-03-04", 19], ["2026-03-05", 23], ["2026-03-06", 26], ["2026-03-07", 27]]
SELECT date, sum(count()) OVER (ORDER BY date) FROM events GROUP BY date ORDER BY date

-- name: moving_average
-- rows: [["2026-03-02", 7.0], ["2026-03-03", 6.5], ["2026-03-04", 6.0], ["2026-03-05", 5.0], ["2026-03-06", 3.5], ["2026-03-07", 2.0]]
SELECT date, avg(n) OVER (ORDER BY date ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM (SELECT date, count() AS n FROM events GROUP BY date) ORDER BY date

-- name: frame_between
-- rows: [[0, 1], [1, 3], [2, 6], [3, 5]]
SELECT number, sum(number) OVER (ORDER BY number ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM numbers(4) ORDER BY number

-- name: range_frame
-- rows: [[0, 1], [1, 2], [2, 3], [3, 3]]
SELECT number, count() OVER (ORDER BY number RANGE BETWEEN 2 PRECEDING AND CURRENT ROW) FROM numbers(4) ORDER BY number

-- name: lag_and_lead
-- rows: [["page_view", "none", "signup"], ["signup", "page_view", "page_view"], ["page_view", "signup", ""]]
SELECT event, lag(event, 1, 'none') OVER w, lead(event) OVER w FROM events WHERE user_id = 'u-5' WINDOW w AS (PARTITION BY person ORDER BY timestamp) ORDER BY timestamp

-- name: lag_in_frame
-- rows: [["2026-03-03 08:00:00+00:00", 0], ["2026-03-03 08:02:00+00:00", 2], ["2026-03-04 08:00:00+00:00", 1438], ["2026-03-04 08:45:00+00:00", 45]]
SELECT timestamp, dateDiff('minute', lagInFrame(timestamp, 1, timestamp) OVER (PARTITION BY person ORDER BY timestamp), timestamp) FROM events WHERE user_id = 'u-3' ORDER BY timestamp

-- name: first_and_last_value
-- rows: [["u-1", "page_view", "purchase"], ["u-4", "page_view", "lesson_completed"]]
SELECT DISTINCT person, first_value(event) OVER w, last_value(event) OVER w FROM events WHERE user_id IN ('u-1', 'u-4') WINDOW w AS (PARTITION BY person ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) ORDER BY person

-- name: nth_value
-- rows: [["signup"]]
SELECT DISTINCT nth_value(event, 2) OVER (ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM events WHERE user_id = 'u-2'

-- name: share_of_total
-- rows: [["DE", 8, 0.308], ["GB", 11, 0.423], ["US", 7, 0.269]]
SELECT country, count() AS n, round(n / sum(n) OVER (), 3) FROM events WHERE country != '' GROUP BY country ORDER BY country

-- name: ntile_and_percent_rank
-- rows: [[0, 1, 0.0], [1, 1, 0.333333333333], [2, 2, 0.666666666667], [3, 2, 1.0]]
SELECT number, ntile(2) OVER (ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), percent_rank() OVER (ORDER BY number RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM numbers(4) ORDER BY number

-- name: qualify
-- rows: [["u-1", "purchase", "2026-03-04 12:00:00+00:00"], ["u-2", "purchase", "2026-03-05 10:00:00+00:00"], ["u-3", "page_view", "2026-03-04 08:45:00+00:00"], ["u-4", "lesson_completed", "2026-03-05 07:30:00+00:00"], ["u-5", "page_view", "2026-03-07 00:10:00+00:00"]]
SELECT person, event, timestamp FROM events WHERE user_id != '' QUALIFY row_number() OVER (PARTITION BY person ORDER BY timestamp DESC) = 1 ORDER BY person

-- name: sessions_by_gap
-- rows: [["u-1", 4], ["u-2", 3], ["u-3", 3], ["u-4", 2], ["u-5", 1]]
SELECT person, countIf(gap > 1800) + 1 AS sessions FROM (SELECT person, dateDiff('second', lagInFrame(timestamp, 1, timestamp) OVER (PARTITION BY person ORDER BY timestamp), timestamp) AS gap FROM events WHERE user_id != '') GROUP BY person ORDER BY person

-- name: window_with_filter
-- rows: [["e-01", 0], ["e-02", 0], ["e-03", 1], ["e-04", 1], ["e-05", 2], ["e-06", 2], ["e-07", 2]]
SELECT event_id, count() FILTER (WHERE event = 'lesson_started') OVER (ORDER BY timestamp, event_id) FROM events WHERE user_id = 'u-1' ORDER BY timestamp

-- name: named_and_extended_window
-- rows: [[0, 3], [1, 3], [2, 2]]
SELECT number, sum(number) OVER (w ROWS UNBOUNDED PRECEDING) FROM numbers(3) WINDOW w AS (ORDER BY number DESC) ORDER BY number

-- name: respect_nulls
-- rows: [[null]]
SELECT first_value(x) RESPECT NULLS FROM (SELECT nullIf(number, 0) AS x FROM numbers(3) ORDER BY number)

-- name: groups_of_running_difference
-- rows: [[0, 0], [1, 1], [4, 3], [9, 5]]
SELECT n, n - any(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) FROM (SELECT number * number AS n FROM numbers(4)) ORDER BY n
