-- name: polygon_union
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT polygonsUnionCartesian([[[(0., 0.), (0., 1.), (1., 1.)]]], [[[(0., 0.), (0., 1.), (1., 1.)]]])

-- name: polygon_within
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT polygonsWithinCartesian([[[(0., 0.), (0., 1.), (1., 1.)]]], [[[(0., 0.), (0., 1.), (1., 1.)]]])

-- name: polygon_distance
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT polygonsDistanceSpherical([[[(0., 0.), (0., 1.), (1., 1.)]]], [[[(0., 0.), (0., 1.), (1., 1.)]]])

-- name: convex_hull
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT polygonConvexHullCartesian([[[(0., 0.), (0., 1.), (1., 1.)]]])

-- name: array_auc
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT arrayAUC([0.1, 0.2], [1, 0])

-- name: array_roc_auc
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT arrayROCAUC([0.1, 0.2], [1, 0])

-- name: array_shuffle
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT arrayShuffle(range(100000000))

-- name: array_partial_shuffle
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT arrayPartialShuffle(range(100000000), 5)

-- name: array_random_sample
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT arrayRandomSample(range(100000000), 5)

-- name: group_bitmap
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT groupBitmap(number) FROM numbers(100000000)

-- name: group_bitmap_and
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT groupBitmapAnd(bitmapBuild([1]))

-- name: bitmap_build
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT bitmapBuild(range(100000000))

-- name: bitmap_transform
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT bitmapTransform(bitmapBuild([1]), [1], [2])

-- name: levenshtein_of_arrays
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT arrayLevenshteinDistance(range(1000000), range(1000000))

-- name: h3_ring
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT h3kRing(644325529233966508, 10000)

-- name: geohashes
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT geohashesInBox(-180., -90., 180., 90., 12)

-- name: hilbert
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT hilbertEncode(1, 2)

-- name: multi_fuzzy
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT multiFuzzyMatchAny('x', 100, ['y'])

-- name: series
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT seriesDecomposeSTL([1, 2, 3], 1)

-- name: printf
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT printf('%2000000000d', 1)

-- name: time_series_grid
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT timeSeriesRateToGrid(0, 1000000000, 1, 1)(1, 1)

-- name: stochastic
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT stochasticLinearRegression(number, number) FROM numbers(10)

-- name: k_means
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT hierarchicalKMeans(number) FROM numbers(10)

-- name: numeric_vector
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT groupNumericIndexedVector(1, 1)

-- name: is_prime
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT isProbablePrime(18446744073709551557)

-- name: transpose
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT arrayTranspose([[1]])

-- name: read_wkt
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT readWKT('POINT (1 1)')

-- name: aggregate_throw
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT aggThrow(1)(1)

-- name: running_difference
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT runningDifference(number) FROM numbers(3)

-- name: endless_primes
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT * FROM primes()

-- name: random_table
-- why: a call that cannot be stopped, or is not counted
-- canary: limits
SELECT * FROM generateRandom('a UInt8')

-- name: deep_brackets
-- why: deeper than any question
-- canary: limits
SELECT ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))

-- name: deep_functions
-- why: deeper than any question
-- canary: limits
SELECT abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))

-- name: deep_subqueries
-- why: deeper than any question
-- canary: limits
SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM events))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))

-- name: deep_arrays
-- why: deeper than any question
-- canary: limits
SELECT [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]

-- name: long_not
-- why: deeper than any question
-- canary: limits
SELECT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT 1

-- name: long_minus
-- why: deeper than any question
-- canary: limits
SELECT - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - 1

-- name: edit_distance
-- why: hours in one call: the square of the lengths
-- canary: limits
SELECT sum(editDistance(repeat('a', 60000), repeat('b', 60000 + number))) FROM numbers(10000)

-- name: levenshtein
-- why: the same by another name
-- canary: limits
SELECT levenshteinDistance(repeat('a', 60000), repeat('b', 60000))

-- name: deep_calls
-- why: deeper than any question
-- canary: limits
SELECT abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(abs(1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))

-- name: regex-on-a-long-text
-- why: the work grows with the square of the text's length, and is one call, which no limit ends
-- canary: limits
SELECT length(extractAll(repeat('a', 1e6), 'a*b|a'))

-- name: split-a-long-text
-- why: as above, under another name of the maker and of the regex
-- canary: limits
SELECT length(splitByRegexp('a*b|a', REPEAT('a', 1000000)))

-- name: long-array
-- why: an array out of nothing, each element of which is compared with each of another
-- canary: limits
SELECT hasSubstr(arrayWithConstant(10000000, 1), arrayResize([1], 10000000, 1))

-- name: long-padding
-- why: a text out of nothing
-- canary: limits
SELECT countMatches(leftPad('a', 5000000, 'a'), 'a*b|a')

-- name: long-random-text
-- why: a text out of nothing
-- canary: limits
SELECT replaceRegexpAll(randomPrintableASCII(5000000), '[a-z]*\d|[a-z]', '')
