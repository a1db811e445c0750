-- name: text
-- param: name=signup
-- rows: [[5]]
SELECT count() FROM events WHERE event = {name:String}

-- name: number
-- param: n=2
-- rows: [["e-01"], ["e-02"]]
SELECT event_id FROM events ORDER BY event_id LIMIT {n:UInt64}

-- name: list
-- param: countries=["GB", "DE"]
-- rows: [[19]]
SELECT count() FROM events WHERE country IN {countries:Array(String)}

-- name: dates
-- param: from=2026-03-03
-- param: to=2026-03-05
-- rows: [[12]]
SELECT count() FROM events WHERE date >= {from:Date} AND date < {to:Date}

-- name: datetime
-- param: since=2026-03-06 00:00:00
-- rows: [[4]]
SELECT count() FROM events WHERE timestamp >= {since:DateTime64(3, 'UTC')}

-- name: used_twice
-- param: c=GB
-- rows: [[11, 16]]
SELECT countIf(country = {c:String}), countIf(country != {c:String}) FROM events

-- name: cast_of_parameter
-- param: n=5
-- rows: [[6]]
SELECT {n:String}::Int64 + 1

-- name: nullable
-- param: n=7
-- rows: [[7]]
SELECT ifNull({n:Nullable(Int64)}, 0)

-- name: hostile_value_stays_a_value
-- param: v='; DROP TABLE events; --
-- rows: [["'; DROP TABLE events; --"]]
SELECT {v:String}

-- name: in_cte
-- param: day=2026-03-02
-- rows: [[7]]
WITH d AS (SELECT * FROM events WHERE date = {day:Date}) SELECT count() FROM d

-- name: numbers_parameter
-- param: ns=[1, 2, 3]
-- rows: [[6]]
SELECT arraySum({ns:Array(UInt8)})

-- name: property_filter
-- param: course=c-1
-- rows: [[7]]
SELECT count() FROM events WHERE properties.course_id = {course:String}
