-- name: array_map
-- rows: [[[2, 4, 6]]]
SELECT arrayMap(x -> x * 2, [1, 2, 3])

-- name: array_map_of_two
-- rows: [[[11, 22]]]
SELECT arrayMap((x, y) -> x + y, [1, 2], [10, 20])

-- name: array_filter_and_exists
-- rows: [[[2, 3], 1, 1, 2]]
SELECT arrayFilter(x -> x > 1, [1, 2, 3]), arrayExists(x -> x = 2, [1, 2]), arrayAll(x -> x > 0, [1, 2]), arrayCount(x -> x > 1, [1, 2, 3])

-- name: array_sort
-- rows: [[[1, 2, 3], [1, 2, 3], ["b", "a"]]]
SELECT arraySort([3, 1, 2]), arrayReverseSort(x -> -x, [3, 1, 2]), arraySort((x, y) -> y, ['a', 'b'], [2, 1])

-- name: array_reduce
-- rows: [[6, 2.0, 1]]
SELECT arrayReduce('sum', [1, 2, 3]), arrayReduce('quantile(0.5)', [1, 2, 3]), arrayReduce('uniqExactIf', [1, 1, 2], [1, 1, 0])

-- name: array_reduce_in_ranges
-- rows: [[[30, 50]]]
SELECT arrayReduceInRanges('sum', [(1, 2), (2, 2)], [10, 20, 30])

-- name: array_fold
-- rows: [[6]]
SELECT arrayFold((acc, x) -> acc + x, [1, 2, 3], toInt64(0))

-- name: array_elements
-- rows: [[1, 3, [2, 3], 1, 2, 2]]
SELECT [1, 2, 3][1], [1, 2, 3][-1], arraySlice([1, 2, 3, 4], 2, 2), has([1, 2], 2), indexOf(['a', 'b'], 'b'), length([1, 2])

-- name: array_zip_and_enumerate
-- rows: [[[["a", 1], ["b", 2]], [1, 2], [1, 2], [1, 2, 3]]]
SELECT arrayZip(['a', 'b'], [1, 2]), arrayEnumerate(['x', 'y']), arrayDistinct([1, 1, 2]), arrayConcat([1], [2, 3])

-- name: array_join_function
-- rows: [[1, 10], [2, 20]]
SELECT arrayJoin([1, 2]) AS x, x * 10 ORDER BY x

-- name: array_join_clause
-- rows: [[1, 10], [1, 20]]
SELECT n, x FROM (SELECT 1 AS n, [10, 20] AS xs) ARRAY JOIN xs AS x ORDER BY x

-- name: left_array_join
-- rows: [[0, 0], [1, 0], [2, 0], [2, 1]]
SELECT n, x FROM (SELECT number AS n, range(number) AS xs FROM numbers(3)) LEFT ARRAY JOIN xs AS x ORDER BY n, x

-- name: array_join_of_two
-- rows: [["a", 1], ["b", 2]]
SELECT x, i FROM (SELECT ['a', 'b'] AS xs) ARRAY JOIN xs AS x, arrayEnumerate(xs) AS i ORDER BY i

-- name: group_array
-- rows: [[["DE", "GB", "US"]]]
SELECT arraySort(groupUniqArray(country)) FROM events WHERE country != ''

-- name: group_array_insert
-- rows: [[["0", "1", "-"]]]
SELECT groupArrayInsertAt('-', 3)(toString(number), number) FROM numbers(2)

-- name: range_and_running_sum
-- rows: [[[0, 1, 2, 3], [1, 3, 6], [0, 3, 5]]]
SELECT range(4), arrayCumSum([1, 2, 3]), arrayDifference([1, 4, 9])

-- name: tuples
-- rows: [["a", 1, "x", 1, 1]]
SELECT (1, 'a').2, tuple(1, 2).1, tupleElement((1, 'x'), 2), (1, 2) = (1, 2), (1, 2) < (1, 3)

-- name: named_tuple
-- rows: [["x"]]
SELECT CAST((1, 'x'), 'Tuple(a UInt8, b String)').b

-- name: maps
-- rows: [[2, ["x"], [1], 1]]
SELECT map('a', 1, 'b', 2)['b'], mapKeys(map('x', 1)), mapValues(map('x', 1)), mapContains(map('a', 1), 'a')

-- name: sum_map
-- rows: [[{"DE": 8, "GB": 11}]]
SELECT sumMap(map(country, 1)) FROM events WHERE country IN ('GB', 'DE')

-- name: array_string
-- rows: [["a-b", ["a", "b"], ["a", "b"], ["1", "22"]]]
SELECT arrayStringConcat(['a', 'b'], '-'), splitByChar(',', 'a,b'), splitByString('--', 'a--b'), extractAll('a1b22', '[0-9]+')

-- name: nested_lambdas
-- rows: [[[3, 6, 9]]]
SELECT arrayMap(x -> arraySum(arrayMap(y -> x * y, [1, 2])), [1, 2, 3])

-- name: lambda_uses_a_column
-- rows: [["e-04", ["fast"]]]
SELECT event_id, arrayFilter(t -> t != 'new', properties.tags::Array(String)) FROM events WHERE event_id = 'e-04'

-- name: named_lambda
-- rows: [[9, 16]]
WITH x -> x * x AS square SELECT square(3), square(4)

-- name: named_lambda_of_two
-- rows: [[1]]
WITH (a, b) -> a * 100 / b AS percent SELECT percent(countIf(event = 'signup'), count()) > 10 FROM events

-- name: states_and_merge
-- rows: [[7, 27]]
SELECT uniqExactMerge(s), sumMerge(t) FROM (SELECT uniqExactState(person) AS s, sumState(1) AS t FROM events GROUP BY date)

-- name: finalize_state
-- rows: [[6]]
SELECT finalizeAggregation(sumState(number)) FROM numbers(4)

-- name: initialize_aggregation
-- rows: [[5]]
SELECT finalizeAggregation(initializeAggregation('sumState', 5))
