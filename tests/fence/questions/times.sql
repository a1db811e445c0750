-- name: start_of
-- rows: [["2026-03-02 09:00:00+00:00", "2026-03-07 00:00:00+00:00", "2026-03-02", "2026-03-01"]]
SELECT toStartOfHour(min(timestamp)), toStartOfDay(max(timestamp)), toMonday(min(date)), toStartOfMonth(min(date)) FROM events

-- name: interval_arithmetic
-- rows: [["2026-03-02 00:00:00+00:00", "2026-02-28", "2026-03-08"]]
SELECT toDateTime('2026-03-01 00:00:00') + INTERVAL 1 DAY, toDate('2026-03-31') - INTERVAL 1 MONTH, toDate('2026-03-01') + 7

-- name: start_of_interval
-- rows: [["2026-03-04 06:00:00+00:00", 2], ["2026-03-04 12:00:00+00:00", 1], ["2026-03-04 18:00:00+00:00", 3]]
SELECT toStartOfInterval(timestamp, INTERVAL 6 HOUR) AS t, count() FROM events WHERE date = '2026-03-04' GROUP BY t ORDER BY t

-- name: date_trunc_and_diff
-- rows: [["2026-03-01", 14, "2026-03-04", 5]]
SELECT DATE_TRUNC('month', toDate('2026-03-15')), dateDiff('day', toDate('2026-03-01'), toDate('2026-03-15')), DATE_ADD(DAY, 3, toDate('2026-03-01')), date_diff('hour', toDateTime('2026-03-01 00:00:00'), toDateTime('2026-03-01 05:00:00'))

-- name: extract
-- rows: [[2026, 15, 1, 10]]
SELECT EXTRACT(YEAR FROM toDate('2026-03-15')), EXTRACT(DAY FROM toDate('2026-03-15')), toDayOfWeek(toDate('2026-03-02')), toISOWeek(toDate('2026-03-02'))

-- name: zone
-- rows: [["2026-03-02 10:00:00+01:00", 18]]
SELECT toTimeZone(timestamp, 'Europe/Berlin') AS t, toHour(timestamp, 'Asia/Tokyo') FROM events WHERE event_id = 'e-01'

-- name: at_time_zone
-- rows: [[4]]
SELECT toHour(timestamp AT TIME ZONE 'America/New_York') FROM events WHERE event_id = 'e-01'

-- name: local_days
-- rows: [["2026-03-07", 3]]
SELECT toDate(timestamp, 'Asia/Kolkata') AS day, count() FROM events WHERE user_id = 'u-5' GROUP BY day ORDER BY day

-- name: format_and_parse
-- rows: [["2026/03/02", "2026-03-02 09:00:00+00:00", 1772442000, "March"]]
SELECT formatDateTime(toDate('2026-03-02'), '%Y/%m/%d'), parseDateTimeBestEffort('2026-03-02T09:00:00Z'), toUnixTimestamp(toDateTime('2026-03-02 09:00:00')), dateName('month', toDate('2026-03-02'))

-- name: with_fill
-- rows: [["2026-03-01", 0], ["2026-03-02", 2], ["2026-03-03", 1], ["2026-03-04", 1], ["2026-03-05", 0], ["2026-03-06", 1], ["2026-03-07", 0]]
SELECT date, count() AS n FROM events WHERE event = 'signup' GROUP BY date ORDER BY date WITH FILL FROM toDate('2026-03-01') TO toDate('2026-03-08')

-- name: with_fill_step_and_interpolate
-- rows: [[1, "a"], [2, "a+"], [3, "a++"], [4, "b"]]
SELECT n, v FROM (SELECT 1 AS n, 'a' AS v UNION ALL SELECT 4, 'b') ORDER BY n WITH FILL STEP 1 INTERPOLATE (v AS concat(v, '+'))

-- name: with_fill_interval
-- rows: [["2026-03-02 09:00:00+00:00", 3], ["2026-03-02 10:00:00+00:00", 1], ["2026-03-02 11:00:00+00:00", 3]]
SELECT t, n FROM (SELECT toStartOfHour(timestamp) AS t, count() AS n FROM events WHERE date = '2026-03-02' GROUP BY t) ORDER BY t WITH FILL STEP INTERVAL 1 HOUR

-- name: dictionary_of_dates
-- rows: [["2026-03-01", 0], ["2026-03-02", 7], ["2026-03-03", 6], ["2026-03-04", 6]]
SELECT d, e.n FROM (SELECT toDate('2026-03-01') + number AS d FROM numbers(4)) AS days LEFT JOIN (SELECT date, count() AS n FROM events GROUP BY date) AS e ON days.d = e.date ORDER BY d

-- name: time_slots
-- rows: [[["2026-03-02 09:00:00+00:00", "2026-03-02 09:15:00+00:00", "2026-03-02 09:30:00+00:00"]]]
SELECT timeSlots(toDateTime('2026-03-02 09:00:00'), toUInt32(1800), 900)

-- name: age_and_make_date
-- rows: [[3, "2026-03-02", 202603, "2026-02-28"]]
SELECT age('day', toDate('2026-03-02'), toDate('2026-03-05')), makeDate(2026, 3, 2), toYYYYMM(makeDate(2026, 3, 2)), toLastDayOfMonth(toDate('2026-02-03'))

-- name: now_is_after_the_school
-- rows: [[1, 1, 1]]
SELECT now() > max(timestamp), today() > max(date), yesterday() < today() FROM events

-- name: hour_by_weekday
-- rows: [[1, 9, 1], [1, 11, 1], [2, 8, 1]]
SELECT toDayOfWeek(timestamp) AS day, toHour(timestamp) AS hour, count() FROM events WHERE event = 'page_view' GROUP BY day, hour ORDER BY day, hour LIMIT 3

-- name: date_literals
-- rows: [[1, "2026-03-02 09:00:00+00:00", "2026-03-02 09:00:00.123000+00:00"]]
SELECT DATE '2026-03-02' = toDate('2026-03-02'), TIMESTAMP '2026-03-02 09:00:00', toDateTime64('2026-03-02 09:00:00.123', 3, 'UTC')

-- name: subtract_functions
-- rows: [["2026-03-02", "2026-02-28", 24]]
SELECT subtractDays(toDate('2026-03-05'), 3), addMonths(toDate('2026-01-31'), 1), timestampDiff(HOUR, toDateTime('2026-03-01 00:00:00'), toDateTime('2026-03-02 00:00:00'))
