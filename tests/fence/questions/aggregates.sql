-- name: if_combinators
-- rows: [[5, 1, 2, 1]]
SELECT countIf(event = 'signup'), sumIf(is_bot, country = ''), uniqExactIf(person, device = 'mobile'), avgIf(is_bot, 1) > 0 FROM events

-- name: filter_clause
-- rows: [[3, 2]]
SELECT count() FILTER (WHERE event = 'purchase'), uniqExact(person) FILTER (WHERE country = 'GB') FROM events

-- name: quantiles
-- rows: [[5, [2, 8], 5.0, 9.0]]
SELECT quantileExact(0.5)(number), quantilesExact(0.25, 0.75)(number), median(number), quantile(0.9)(number) FROM numbers(11)

-- name: quantile_of_properties
-- rows: [[35.0, 30, 50]]
SELECT quantileExactInclusive(0.5)(properties.minutes::Float64), min(properties.minutes::UInt8), max(properties.minutes::UInt8) FROM events

-- name: uniq_family
-- rows: [[7, 7, 7, 7]]
SELECT uniq(person), uniqExact(person), uniqCombined(person), uniqHLL12(person) FROM events

-- name: top_k
-- rows: [[["page_view"]]]
SELECT topK(1)(event) FROM events

-- name: any_and_group
-- rows: [["GB", "GB", 0]]
SELECT any(country), anyLast(country), groupBitOr(is_bot) FROM events WHERE user_id = 'u-1'

-- name: statistics
-- rows: [[1.414, 2.5, 1.0, 2.0]]
SELECT round(stddevPop(number), 3), round(varSamp(number), 3), round(corr(number, number * 2), 3), avgWeighted(number, 1) FROM numbers(5)

-- name: or_null_and_or_default
-- rows: [[null, 0.0, null]]
SELECT sumOrNull(number), avgOrDefault(number), maxOrNull(number) FROM numbers(3) WHERE number > 5

-- name: distinct_combinator
-- rows: [[3, 2]]
SELECT sumDistinct(x), countDistinct(x) FROM (SELECT arrayJoin([1, 1, 2]) AS x)

-- name: array_combinators
-- rows: [[12, 2, [11, 22]]]
SELECT sumArray([1, 2, 3]), uniqExactArray([1, 1, 2]), sumForEach(x) FROM (SELECT [1, 2] AS x UNION ALL SELECT [10, 20])

-- name: resample
-- rows: [[[1, 1, 1]]]
SELECT countResample(0, 3, 1)(number) FROM numbers(3)

-- name: arg_min_max
-- rows: [["page_view", "e-21", "page_view"]]
SELECT argMin(event, timestamp), argMax(event_id, timestamp), min_by(event, timestamp) FROM events WHERE user_id = 'u-4'

-- name: histogram_bar
-- rows: [["GB", "█████▌"]]
SELECT country, bar(count(), 0, 20, 10) FROM events WHERE country = 'GB' GROUP BY country

-- name: covariance_and_regression
-- rows: [[{"k": 2.0, "b": 1.0}]]
SELECT simpleLinearRegression(number, number * 2 + 1) FROM numbers(5)

-- name: group_concat
-- rows: [["0,1,2"]]
SELECT groupConcat(',')(toString(number)) FROM numbers(3)

-- name: delta_sum
-- rows: [[5]]
SELECT deltaSum(x) FROM (SELECT arrayJoin([1, 3, 2, 5]) AS x)

-- name: entropy_and_skew
-- rows: [[2.0, 1.64]]
SELECT round(entropy(x), 2), round(kurtPop(x), 2) FROM (SELECT arrayJoin([1, 2, 3, 4]) AS x)

-- name: boolean_aggregates
-- rows: [[0, 1, 1, 26]]
SELECT min(is_bot), max(is_bot), sum(is_bot) = 1, countIf(NOT is_bot) FROM events

-- name: aggregate_of_expression
-- rows: [[6.24074074074]]
SELECT sum(if(event = 'purchase', properties.revenue::Float64, 0)) / count() AS per_event FROM events

-- name: count_of_nulls
-- rows: [[26, 27]]
SELECT count(nullIf(country, '')), count() FROM events

-- name: max_intersections
-- rows: [[2]]
SELECT maxIntersections(a, b) FROM VALUES('a UInt8, b UInt8', (1, 5), (2, 6), (7, 9))

-- name: exponential_average
-- rows: [[2.125]]
SELECT round(exponentialMovingAverage(1)(number, number), 3) FROM numbers(4)

-- name: student_test
-- rows: [[0.021]]
SELECT round(studentTTest(x, g).2, 3) FROM VALUES('x Float64, g UInt8', (1, 0), (2, 0), (3, 0), (4, 1), (5, 1), (6, 1))
