-- name: window_funnel
-- rows: [[1, 2], [2, 1], [3, 4]]
SELECT level, count() FROM (SELECT person, windowFunnel(86400)(toDateTime(timestamp), event = 'page_view', event = 'signup', event = 'lesson_started') AS level FROM events GROUP BY person) GROUP BY level ORDER BY level

-- name: window_funnel_strict
-- rows: [["u-1", 3], ["u-2", 2], ["u-3", 1], ["u-4", 1], ["u-5", 1]]
SELECT person, windowFunnel(3600, 'strict_order')(toDateTime(timestamp), event = 'signup', event = 'lesson_started', event = 'lesson_completed') AS level FROM events WHERE user_id != '' GROUP BY person ORDER BY person

-- name: retention
-- rows: [[2, 2, 1]]
SELECT sum(r[1]), sum(r[2]), sum(r[3]) FROM (SELECT person, retention(date = '2026-03-02', date = '2026-03-03', date = '2026-03-04') AS r FROM events GROUP BY person)

-- name: sequence_match
-- rows: [["u-1", 1], ["u-4", 1]]
SELECT person, sequenceMatch('(?1)(?t<=7200)(?2)')(toDateTime(timestamp), event = 'lesson_started', event = 'lesson_completed') AS done FROM events GROUP BY person HAVING done ORDER BY person

-- name: sequence_count
-- rows: [[4]]
SELECT sum(c) FROM (SELECT sequenceCount('(?1).*(?2)')(toDateTime(timestamp), event = 'lesson_started', event = 'lesson_completed') AS c FROM events GROUP BY person)

-- name: paths
-- rows: [["page_view > signup > lesson_started > lesson_completed > lesson_started > lesson_completed > purchase", 1], ["page_view > signup > lesson_started > lesson_completed > purchase", 1]]
SELECT path, count() FROM (SELECT person, arrayStringConcat(groupArray(event), ' > ') AS path FROM (SELECT person, event FROM events WHERE user_id != '' ORDER BY person, timestamp) GROUP BY person) GROUP BY path ORDER BY path LIMIT 2

-- name: sorted_path
-- rows: [["u-3", ["page_view", "signup", "lesson_started", "page_view"]], ["u-5", ["page_view", "signup", "page_view"]]]
SELECT person, arrayMap(x -> x.2, arraySort(groupArray((timestamp, event)))) FROM events WHERE user_id IN ('u-3', 'u-5') GROUP BY person ORDER BY person

-- name: first_touch
-- rows: [["u-1", "news"], ["u-2", ""], ["u-3", "news"]]
SELECT person, argMin(campaign_source, timestamp) FROM events WHERE user_id IN ('u-1', 'u-2', 'u-3') GROUP BY person ORDER BY person

-- name: last_event
-- rows: [["u-1", "purchase", "2026-03-04 12:00:00+00:00"], ["u-4", "lesson_completed", "2026-03-05 07:30:00+00:00"]]
SELECT person, argMax(event, timestamp), max(timestamp) FROM events WHERE user_id IN ('u-1', 'u-4') GROUP BY person ORDER BY person

-- name: time_to_convert
-- rows: [[382.5]]
SELECT avg(dateDiff('minute', start, done)) FROM (SELECT person, properties.lesson_id AS lesson, minIf(timestamp, event = 'lesson_started') AS start, minIf(timestamp, event = 'lesson_completed') AS done FROM events WHERE event LIKE 'lesson%' GROUP BY person, lesson HAVING countIf(event = 'lesson_completed') > 0)

-- name: cohort_by_day
-- rows: [["2026-03-02", 0, 2], ["2026-03-02", 1, 2], ["2026-03-02", 2, 1], ["2026-03-02", 3, 1], ["2026-03-03", 0, 1], ["2026-03-03", 1, 1], ["2026-03-04", 0, 1], ["2026-03-04", 1, 1], ["2026-03-06", 0, 1], ["2026-03-06", 1, 1]]
WITH firsts AS (SELECT person, min(date) AS day FROM events WHERE event = 'signup' GROUP BY person) SELECT f.day, dateDiff('day', f.day, e.date) AS n, uniqExact(e.person) FROM events AS e INNER JOIN firsts AS f ON e.person = f.person WHERE e.date >= f.day GROUP BY f.day, n ORDER BY f.day, n

-- name: active_users_over_two_days
-- rows: [["2026-03-02", 2], ["2026-03-03", 4], ["2026-03-04", 5], ["2026-03-05", 5], ["2026-03-06", 4], ["2026-03-07", 1], ["2026-03-08", 1]]
SELECT d, uniqExact(person) FROM (SELECT arrayJoin([date, date + 1]) AS d, person FROM events WHERE NOT is_bot) GROUP BY d ORDER BY d

-- name: session_length
-- rows: [["s-1", 60], ["s-8", 45], ["s-11", 40], ["s-2", 40], ["s-10", 30], ["s-9", 15], ["s-4", 10], ["s-7", 2]]
SELECT session_id, dateDiff('minute', min(timestamp), max(timestamp)) AS minutes FROM events GROUP BY session_id HAVING minutes > 0 ORDER BY minutes DESC, session_id

-- name: bounces
-- rows: [[0.214285714286]]
SELECT countIf(n = 1 AND views = 1) / count() FROM (SELECT session_id, count() AS n, countIf(event = 'page_view') AS views FROM events GROUP BY session_id)

-- name: conversion_rate
-- rows: [[0.6]]
SELECT uniqExactIf(person, event = 'purchase') / uniqExactIf(person, event = 'signup') FROM events

-- name: stickiness
-- rows: [[2, 3], [3, 2]]
SELECT days, count() FROM (SELECT person, uniqExact(date) AS days FROM events WHERE user_id != '' GROUP BY person) GROUP BY days ORDER BY days

-- name: next_event_matrix
-- rows: [["page_view", "signup", 5], ["lesson_started", "lesson_completed", 4], ["signup", "lesson_started", 3]]
SELECT a, b, count() FROM (SELECT event AS a, leadInFrame(event) OVER (PARTITION BY person ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS b FROM events) WHERE b != '' GROUP BY a, b ORDER BY count() DESC, a, b LIMIT 3
