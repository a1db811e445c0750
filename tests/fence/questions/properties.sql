-- name: hot_member
-- rows: [[null, 15], ["c-1", 7], ["c-2", 5]]
SELECT properties.course_id, count() FROM events GROUP BY properties.course_id ORDER BY count() DESC, 1 NULLS LAST

-- name: hot_member_qualified
-- rows: [["l-1", 4], ["l-2", 2], [null, 1]]
SELECT e.properties.lesson_id AS lesson, count() FROM events e WHERE e.properties.course_id = 'c-1' GROUP BY lesson ORDER BY lesson

-- name: hot_member_beside_a_star
-- rows: [["e-07", "c-2"], ["e-12", "c-1"], ["e-19", "c-2"]]
SELECT * EXCEPT (properties), properties.course_id FROM (SELECT event_id, properties FROM events WHERE event = 'purchase') ORDER BY event_id

-- name: as_number
-- rows: [[0.7625, 4]]
SELECT avg(properties.score::Float64), count(properties.score::Float64) FROM events

-- name: as_integer
-- rows: [["e-03", 1], ["e-05", 1], ["e-10", 2], ["e-15", 1], ["e-20", 3]]
SELECT event_id, properties.attempt::Int64 AS attempt FROM events WHERE event = 'lesson_started' ORDER BY event_id

-- name: cast_keyword
-- rows: [[150]]
SELECT sum(CAST(properties.minutes AS UInt32)) FROM events

-- name: cast_function
-- rows: [["99.00"]]
SELECT max(CAST(properties.revenue, 'Decimal(10, 2)')) FROM events

-- name: missing_is_null
-- rows: [[9, 4, 5]]
SELECT count(), count(properties.score), countIf(properties.score IS NULL) FROM events WHERE event LIKE 'lesson%'

-- name: nested_member
-- rows: [["49.5", 0.2], ["99", 0.0], [null, null]]
SELECT properties.price.amount, properties.price.vat.rate::Float64 FROM events WHERE event = 'purchase' ORDER BY timestamp

-- name: object_as_text
-- rows: [["{\"amount\":49.5,\"vat\":{\"rate\":0.2}}"]]
SELECT properties.price FROM events WHERE event_id = 'e-07'

-- name: array_member
-- rows: [["fast", 2], ["hard", 1], ["new", 2]]
SELECT arrayJoin(properties.tags::Array(String)) AS tag, count() FROM events GROUP BY tag ORDER BY tag

-- name: array_join_clause
-- rows: [["fast", 2], ["new", 2], ["hard", 1]]
SELECT tag, count() FROM (SELECT properties.tags::Array(String) AS tags FROM events) ARRAY JOIN tags AS tag GROUP BY tag ORDER BY count() DESC, tag

-- name: boolean_member
-- rows: [[1]]
SELECT count() FROM events WHERE properties.is_gift::Bool

-- name: date_member
-- rows: [["e-07", "2026-04-01", "2026-04-01 00:00:00+00:00"], ["e-12", null, null], ["e-19", "2026-04-15", "2026-04-15 12:00:00+00:00"]]
SELECT event_id, properties.due::Date, properties.due::DateTime FROM events WHERE event = 'purchase' ORDER BY event_id

-- name: datetime64_member
-- rows: [["2026-04-15 12:00:00+00:00"]]
SELECT properties.due::DateTime64(3) FROM events WHERE event_id = 'e-19'

-- name: nullable_cast
-- rows: [[null], [0.9]]
SELECT properties.score::Nullable(Float64) FROM events WHERE event_id IN ('e-01', 'e-04') ORDER BY event_id

-- name: string_cast
-- rows: [["free", 3], ["pro", 2]]
SELECT properties.plan::String, count() FROM events WHERE event = 'signup' GROUP BY 1 ORDER BY 1

-- name: low_cardinality_cast
-- rows: [["free", 3], ["pro", 2]]
SELECT properties.plan::LowCardinality(String) AS plan, count() FROM events WHERE event = 'signup' GROUP BY plan ORDER BY plan

-- name: not_a_number_is_null
-- rows: [[0]]
SELECT count(properties.plan::Int64) FROM events

-- name: escapes_in_text
-- rows: [["it's \"fine\" \\ ünï 🎓"]]
SELECT properties.note FROM events WHERE properties.note IS NOT NULL

-- name: filter_on_number
-- rows: [["e-04"], ["e-21"]]
SELECT event_id FROM events WHERE properties.score::Float64 >= 0.9 ORDER BY event_id

-- name: in_list
-- rows: [[12]]
SELECT count() FROM events WHERE properties.course_id IN ('c-1', 'c-2')

-- name: coalesce
-- rows: [["ad", 1], ["direct", 9]]
SELECT coalesce(properties.ref, 'direct') AS ref, count() FROM events WHERE event = 'page_view' GROUP BY ref ORDER BY ref

-- name: conversion_functions
-- rows: [[168.5, 3]]
SELECT sum(toFloat64OrNull(properties.revenue)), max(toUInt8(properties.attempt)) FROM events

-- name: sum_by_currency
-- rows: [["EUR", 69.5], ["USD", 99.0]]
SELECT properties.currency AS currency, sum(properties.revenue::Float64) AS revenue FROM events WHERE event = 'purchase' GROUP BY currency ORDER BY currency

-- name: whole_text
-- rows: [["{\"plan\": \"free\"}"]]
SELECT properties FROM events WHERE event_id = 'e-02'

-- name: json_functions
-- rows: [["49.5", {"rate": 0.2}, 1, 5]]
SELECT JSONExtractString(properties, 'price', 'amount'), JSONExtract(properties, 'price', 'vat', 'Tuple(rate Float64)'), JSONHas(properties, 'due'), JSONLength(properties) FROM events WHERE event_id = 'e-07'

-- name: json_keys
-- rows: [[["course_id", "currency", "due", "price", "revenue"]]]
SELECT arraySort(JSONExtractKeys(properties)) FROM events WHERE event_id = 'e-07'

-- name: json_type
-- rows: [["Array", ["new", "fast"]]]
SELECT JSONType(properties, 'tags'), JSONExtract(properties, 'tags', 'Array(String)') FROM events WHERE event_id = 'e-04'

-- name: json_value
-- rows: [["0.2"]]
SELECT JSONExtractRaw(properties, 'price', 'vat', 'rate') FROM events WHERE event_id = 'e-07'

-- name: key_frequencies
-- rows: [["course_id", 12], ["lesson_id", 9], ["title", 9], ["attempt", 5]]
SELECT key, count() FROM events ARRAY JOIN JSONExtractKeys(properties) AS key GROUP BY key ORDER BY count() DESC, key LIMIT 4

-- name: in_subquery_alias
-- rows: [["c-1", 0.7], ["c-2", 0.95]]
SELECT course, avg(score) FROM (SELECT properties.course_id AS course, properties.score::Float64 AS score FROM events WHERE event = 'lesson_completed') GROUP BY course ORDER BY course

-- name: name_of_a_column
-- rows: [["c-2"], ["c-2"], ["c-1"]]
SELECT `properties.course_id` FROM (SELECT properties.course_id FROM events WHERE event = 'purchase' ORDER BY timestamp)

-- name: quoted_member
-- rows: [["c-1", "l-1"]]
SELECT properties.`course_id`, properties."lesson_id" FROM events WHERE event_id = 'e-03'

-- name: joined
-- rows: [["free", 49.5], ["pro", 119.0]]
SELECT a.properties.plan AS plan, sum(b.properties.revenue::Float64) FROM events a JOIN events b ON a.user_id = b.user_id WHERE a.event = 'signup' AND b.event = 'purchase' GROUP BY plan ORDER BY plan

-- name: in_aggregate_condition
-- rows: [[0.5]]
SELECT countIf(properties.score::Float64 < 0.8) / count() FROM events WHERE event = 'lesson_completed'

-- name: in_order_and_window
-- rows: [["e-21", 0.95, 1], ["e-04", 0.9, 2], ["e-06", 0.7, 3], ["e-11", 0.5, 4]]
SELECT event_id, properties.score::Float64 AS score, rank() OVER (ORDER BY properties.score::Float64 DESC) FROM events WHERE event = 'lesson_completed' ORDER BY score DESC

-- name: context
-- rows: [["en-GB", "/", "news"]]
SELECT locale, page_path, campaign_source FROM events WHERE event_id = 'e-13'
