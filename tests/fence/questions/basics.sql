-- name: constant
-- rows: [[1]]
SELECT 1

-- name: count
-- rows: [[27]]
SELECT count() FROM events

-- name: count_star
-- rows: [[27]]
SELECT COUNT(*) FROM events

-- name: by_event
-- rows: [["page_view", 10], ["lesson_started", 5], ["signup", 5], ["lesson_completed", 4], ["purchase", 3]]
SELECT event, count() AS n FROM events GROUP BY event ORDER BY n DESC, event

-- name: by_day
-- rows: [["2026-03-02", 7], ["2026-03-03", 6], ["2026-03-04", 6], ["2026-03-05", 4], ["2026-03-06", 3], ["2026-03-07", 1]]
SELECT date, count() FROM events GROUP BY date ORDER BY date

-- name: filter_on_date
-- rows: [[12]]
SELECT count() FROM events WHERE date BETWEEN '2026-03-03' AND '2026-03-04'

-- name: filter_on_timestamp
-- rows: [[6]]
SELECT count() FROM events WHERE timestamp >= '2026-03-04 00:00:00' AND timestamp < '2026-03-05 00:00:00'

-- name: distinct_users
-- rows: [[6]]
SELECT uniqExact(person) FROM events WHERE NOT is_bot

-- name: count_distinct
-- rows: [[5]]
SELECT COUNT(DISTINCT user_id) FROM events WHERE user_id != ''

-- name: having
-- rows: [["u-1", 7], ["u-2", 5], ["u-4", 5]]
SELECT person, count() c FROM events GROUP BY person HAVING c >= 5 ORDER BY c DESC, person

-- name: order_and_limit
-- rows: [["e-24"], ["e-23"], ["e-22"]]
SELECT event_id FROM events ORDER BY timestamp DESC, event_id LIMIT 3

-- name: limit_and_offset
-- rows: [["e-04"], ["e-08"]]
SELECT event_id FROM events ORDER BY timestamp, event_id LIMIT 2 OFFSET 3

-- name: limit_comma
-- rows: [["e-04"], ["e-08"]]
SELECT event_id FROM events ORDER BY timestamp, event_id LIMIT 3, 2

-- name: fetch_first
-- rows: [["e-02"], ["e-03"]]
SELECT event_id FROM events ORDER BY timestamp, event_id OFFSET 1 ROW FETCH FIRST 2 ROWS ONLY

-- name: limit_with_ties
-- rows: [["2026-03-07"]]
SELECT date FROM events ORDER BY date DESC LIMIT 1 WITH TIES

-- name: top
-- rows: [["lesson_completed"], ["lesson_started"]]
SELECT TOP 2 event FROM events GROUP BY event ORDER BY event

-- name: distinct
-- rows: [[""], ["DE"], ["GB"], ["US"]]
SELECT DISTINCT country FROM events ORDER BY country

-- name: distinct_on
-- rows: [["u-1", "page_view"], ["u-2", "page_view"]]
SELECT DISTINCT ON (person) person, event FROM events WHERE user_id IN ('u-1', 'u-2') ORDER BY person, timestamp

-- name: limit_by
-- rows: [["u-1", "page_view"], ["u-1", "signup"], ["u-4", "page_view"], ["u-4", "signup"]]
SELECT person, event FROM events WHERE user_id IN ('u-1', 'u-4') ORDER BY person, timestamp LIMIT 2 BY person

-- name: limit_by_offset
-- rows: [["u-1", "signup"], ["u-4", "signup"]]
SELECT person, event FROM events WHERE user_id IN ('u-1', 'u-4') ORDER BY person, timestamp LIMIT 1 OFFSET 1 BY person

-- name: case_when
-- rows: [["abroad", 15], ["none", 1], ["uk", 11]]
SELECT CASE WHEN country = 'GB' THEN 'uk' WHEN country = '' THEN 'none' ELSE 'abroad' END AS place, count() FROM events GROUP BY place ORDER BY place

-- name: case_value
-- rows: [[0, 1], [1, 18], [2, 8]]
SELECT CASE device WHEN 'desktop' THEN 1 WHEN 'mobile' THEN 2 ELSE 0 END AS d, count() FROM events GROUP BY d ORDER BY d

-- name: if_and_multi_if
-- rows: [["de", "x", 8], ["other", "m", 7], ["other", "w", 11], ["other", "x", 1]]
SELECT if(country = 'DE', 'de', 'other') a, multiIf(os = 'Windows', 'w', os = 'macOS', 'm', 'x') b, count() FROM events GROUP BY a, b ORDER BY a, b

-- name: ternary
-- rows: [["de", 8], ["other", 19]]
SELECT country = 'DE' ? 'de' : 'other' AS a, count() FROM events GROUP BY a ORDER BY a

-- name: like
-- rows: [[4]]
SELECT count() FROM events WHERE event LIKE 'lesson%' AND event NOT LIKE '%started' AND page_host ILIKE '%SCHOOL%'

-- name: in_list
-- rows: [[15]]
SELECT count() FROM events WHERE country IN ('GB', 'US') AND event NOT IN ('signup')

-- name: in_tuples
-- rows: [[3]]
SELECT count() FROM events WHERE (country, event) IN (('GB', 'signup'), ('DE', 'purchase'))

-- name: in_array
-- rows: [[19]]
SELECT count() FROM events WHERE country IN ['GB', 'DE']

-- name: between_and_not
-- rows: [[9]]
SELECT count() FROM events WHERE toHour(timestamp) NOT BETWEEN 8 AND 17

-- name: arithmetic
-- rows: [[3.5, 3, 1, -3, 10, 2, 4, 1]]
SELECT 7 / 2, 7 DIV 2, 7 % 3, -7 MOD 4, 2 * 3 + 4, 1 - -1, intDiv(9, 2), 0.1 + 0.2 < 0.4

-- name: concatenation
-- rows: [["ab1", "x-y"]]
SELECT 'a' || 'b' || toString(1), concat('x', '-', 'y')

-- name: text_escapes
-- rows: [["it's", "a\tb", "ü", "back\\slash", "A", "raw 'text'"]]
SELECT 'it''s', 'a\tb', 'ü', 'back\\slash', '\x41', $$raw 'text'$$

-- name: comments
-- rows: [[27]]
SELECT /* how many */ count() -- all of them
FROM events # the events
WHERE 1 = 1

-- name: keywords_in_any_case
-- rows: [[3]]
sElEcT CoUnT(*) fRoM events wHeRe country = 'GB' gRoUp By event oRdEr bY 1 dEsC lImIt 1

-- name: from_first
-- rows: [[5]]
FROM events SELECT count() WHERE event = 'signup'

-- name: aliases_in_where
-- rows: [[0, 1], [3, 1], [7, 2], [8, 4]]
SELECT toHour(timestamp) AS hour, count() FROM events WHERE hour < 9 GROUP BY hour ORDER BY hour

-- name: alias_inside
-- rows: [[10, 18]]
SELECT (toHour(timestamp) AS h) + 1 AS next, h * 2 FROM events ORDER BY timestamp LIMIT 1

-- name: quoted_names
-- rows: [["page_view", 10]]
SELECT "events".`event` AS `the event`, count() AS "how many" FROM "events" GROUP BY `the event` ORDER BY "how many" DESC LIMIT 1

-- name: qualified_names
-- rows: [["DE", "2026-03-05 10:00:00+00:00"]]
SELECT e.country, max(e.timestamp) FROM events AS e WHERE e.user_id = 'u-2' GROUP BY e.country

-- name: group_by_number
-- rows: [["desktop", 18], ["mobile", 8], ["bot", 1]]
SELECT device, count() FROM events GROUP BY 1 ORDER BY 2 DESC, 1

-- name: group_by_all
-- rows: [["bot", "", 1], ["desktop", "GB", 11], ["desktop", "US", 7], ["mobile", "DE", 8]]
SELECT device, country, count() FROM events GROUP BY ALL ORDER BY ALL

-- name: totals
-- rows: [["DE", 8], ["GB", 11], ["US", 7]]
SELECT country, count() AS n FROM events WHERE country != '' GROUP BY country WITH TOTALS ORDER BY country

-- name: rollup
-- rows: [["", "", 18], ["GB", "", 11], ["GB", "desktop", 11], ["US", "", 7], ["US", "desktop", 7]]
SELECT country, device, count() FROM events WHERE country IN ('GB', 'US') GROUP BY ROLLUP(country, device) ORDER BY country, device

-- name: cube
-- rows: [["", "", 15], ["", "desktop", 7], ["", "mobile", 8], ["DE", "", 8], ["DE", "mobile", 8], ["US", "", 7], ["US", "desktop", 7]]
SELECT country, device, count() FROM events WHERE country IN ('DE', 'US') GROUP BY country, device WITH CUBE ORDER BY ALL

-- name: grouping_sets
-- rows: [["DE", "", 2, 0], ["GB", "", 2, 0], ["US", "", 1, 0], ["", "signup", 5, 1]]
SELECT country, event, count(), grouping(country) AS g FROM events WHERE event = 'signup' GROUP BY GROUPING SETS ((country), (event)) ORDER BY g, country

-- name: union_all
-- rows: [["a", 5], ["b", 3]]
SELECT * FROM (SELECT 'a' AS x, count() AS n FROM events WHERE event = 'signup' UNION ALL SELECT 'b', count() FROM events WHERE event = 'purchase') ORDER BY x

-- name: union_distinct
-- rows: [[1], [2]]
SELECT x FROM (SELECT 1 AS x UNION DISTINCT SELECT 1 UNION DISTINCT SELECT 2) ORDER BY x

-- name: union_in_brackets
-- rows: [[6]]
SELECT sum(n) FROM ((SELECT 1 AS n) UNION ALL (SELECT 2 UNION ALL SELECT 3))

-- name: intersect
-- rows: [["u-1"], ["u-2"], ["u-4"]]
SELECT person FROM (SELECT person FROM events WHERE event = 'signup' INTERSECT SELECT person FROM events WHERE event = 'purchase') ORDER BY person

-- name: except
-- rows: [["u-3"], ["u-5"]]
SELECT person FROM (SELECT person FROM events WHERE event = 'signup' EXCEPT SELECT person FROM events WHERE event = 'purchase') ORDER BY person

-- name: stars_of_a_rollup
-- rows: [["2026-03-04", "purchase", "2026-03-04 12:00:00+00:00", 1], ["2026-03-04", "purchase", "2026-03-04 20:15:00+00:00", 1], ["2026-03-05", "purchase", "2026-03-05 10:00:00+00:00", 1]]
SELECT * FROM event_counts WHERE event = 'purchase' ORDER BY bucket

-- name: star_except
-- rows: [["signup", 1]]
SELECT * EXCEPT (date, bucket) FROM event_counts WHERE event = 'signup' ORDER BY events LIMIT 1

-- name: star_replace
-- rows: [["purchase", "2026-03-04 12:00:00+00:00", 10]]
SELECT * EXCEPT (date) REPLACE (events * 10 AS events) FROM event_counts WHERE event = 'purchase' ORDER BY bucket LIMIT 1

-- name: columns_by_pattern
-- rows: [["news", "mail"]]
SELECT COLUMNS('^campaign_(source|medium)$') FROM events WHERE event_id = 'e-01'

-- name: apply
-- rows: [[3, 4]]
SELECT COLUMNS('^(country|device)$') APPLY(uniqExact) FROM events

-- name: apply_lambda
-- rows: [["DESKTOP", "GB"]]
SELECT COLUMNS('^(country|device)$') APPLY(x -> upper(x)) FROM events WHERE event_id = 'e-01'

-- name: final_is_no_harm
-- rows: [[27]]
SELECT count() FROM events FINAL

-- name: prewhere
-- rows: [[3]]
SELECT count() FROM events PREWHERE country = 'GB' WHERE event = 'page_view'

-- name: nulls_last
-- rows: [[null, 1], ["DE", 8], ["GB", 11], ["US", 7]]
SELECT nullIf(country, '') AS c, count() FROM events GROUP BY c ORDER BY c ASC NULLS FIRST

-- name: collate
-- rows: [["US"], ["GB"], ["DE"]]
SELECT country FROM events WHERE country != '' GROUP BY country ORDER BY country DESC COLLATE 'en'

-- name: values
-- rows: [[1, "x"], [2, "y"]]
SELECT a, b FROM VALUES('a UInt8, b String', (1, 'x'), (2, 'y')) ORDER BY a

-- name: values_join
-- rows: [["Britain", 11], ["Germany", 8]]
SELECT n.name, count() FROM events AS e INNER JOIN VALUES('country String, name String', ('GB', 'Britain'), ('DE', 'Germany')) AS n ON e.country = n.country GROUP BY n.name ORDER BY n.name

-- name: numbers
-- rows: [[45]]
SELECT sum(number) FROM numbers(10)

-- name: generate_series
-- rows: [[2], [5], [8]]
SELECT generate_series FROM generate_series(2, 8, 3)

-- name: view_function
-- rows: [[27]]
SELECT * FROM view(SELECT count() AS n FROM events)

-- name: rollup_totals_are_the_events
-- rows: [[1, 1]]
SELECT (SELECT sum(events) FROM event_counts) = (SELECT count() FROM events), (SELECT sum(events) FROM user_days) = (SELECT count() FROM user_timeline)

-- name: user_days
-- rows: [["2026-03-02", 2], ["2026-03-03", 3], ["2026-03-04", 3], ["2026-03-05", 2], ["2026-03-06", 1], ["2026-03-07", 1]]
SELECT local_date, uniqExact(person) FROM user_days WHERE NOT is_anonymous GROUP BY local_date ORDER BY local_date

-- name: timeline
-- rows: [["2026-03-03 08:00:00+00:00", "page_view"], ["2026-03-03 08:02:00+00:00", "signup"], ["2026-03-04 08:00:00+00:00", "lesson_started"], ["2026-03-04 08:45:00+00:00", "page_view"]]
SELECT timestamp, event FROM user_timeline WHERE person = 'u-3' ORDER BY timestamp

-- name: expired_rows_are_gone
-- rows: [[0]]
SELECT count() FROM events WHERE event = 'expired' OR date < '2026-03-02'

-- name: columns_named_user
-- rows: [["u-1", 7], ["u-2", 5]]
SELECT user, n FROM (SELECT person AS user, count() AS n FROM events GROUP BY user) WHERE user IN ('u-1', 'u-2') ORDER BY user

-- name: cte_with_a_column_named_user
-- rows: [[5]]
WITH s AS (SELECT person AS user FROM events WHERE event = 'signup') SELECT uniqExact(user) FROM s

-- name: bare_words_of_time
-- rows: [[1, 1]]
SELECT CURRENT_DATE = today(), CURRENT_TIMESTAMP <= now() + 1
