-- name: case_and_trim
-- rows: [["Aé", "AÉ", "ab", "x", "x", 2, 1]]
SELECT upper('aé'), upperUTF8('aé'), lower('AB'), trim(BOTH ' ' FROM '  x '), trimLeft(' x'), length('é'), lengthUTF8('é')

-- name: substrings
-- rows: [["bcd", "bc", "ab", "c", 2, 3]]
SELECT substring('abcdef', 2, 3), SUBSTRING('abcdef' FROM 2 FOR 2), left('abc', 2), right('abc', 1), position('b' IN 'abc'), position('abc', 'c')

-- name: replace
-- rows: [["a+b+c", "a+b-c", "a#b#", "xyc"]]
SELECT replaceAll('a-b-c', '-', '+'), replaceOne('a-b-c', '-', '+'), replaceRegexpAll('a1b2', '[0-9]', '#'), translate('abc', 'ab', 'xy')

-- name: regex
-- rows: [[1, "12", 1, 1]]
SELECT match('lesson-12', '\\d+'), extract('lesson-12', '(\\d+)'), 'abc' REGEXP '^a', multiSearchAny('hello', ['ell', 'zzz'])

-- name: split_and_join
-- rows: [[["", "a", "b"], "a|b|c", ["a", "b"], ["ab", "bc"]]]
SELECT splitByChar('/', '/a/b'), arrayStringConcat(splitByWhitespace('a b  c'), '|'), alphaTokens('a1b'), ngrams('abc', 2)

-- name: format
-- rows: [["a-b", "007", "abab", "cba", "a,b"]]
SELECT format('{}-{}', 'a', 'b'), leftPad('7', 3, '0'), repeat('ab', 2), reverse('abc'), concat_ws(',', 'a', 'b')

-- name: urls
-- rows: [["school.example", "/a", "news", "https://x/a", "uk"]]
SELECT domain('https://school.example/a?b=c'), path('https://school.example/a?b=c'), extractURLParameter('https://x/?utm_source=news&b=1', 'utm_source'), cutQueryString('https://x/a?b'), topLevelDomain('https://a.co.uk')

-- name: url_of_events
-- rows: [["", 3], ["news", 3]]
SELECT extractURLParameter(page_url, 'utm_source') AS source, count() FROM events WHERE page_url != '' GROUP BY source ORDER BY source

-- name: hashes
-- rows: [["0CC175B9C0F1B6A831C399E269772661", 1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", 1]]
SELECT hex(MD5('a')), cityHash64('a') % 2 < 2, lower(hex(SHA256('a'))), xxHash64('a') = xxHash64('a')

-- name: encodings
-- rows: [["YWI=", "ab", "61", "a", "a%20b", "00000101"]]
SELECT base64Encode('ab'), base64Decode('YWI='), hex('a'), unhex('61'), encodeURLComponent('a b'), bin(5)

-- name: ip
-- rows: [["1.2.3.4", 1, "1.2.3.4"]]
SELECT IPv4NumToString(IPv4StringToNum('1.2.3.4')), isIPAddressInRange('10.1.2.3', '10.0.0.0/8'), toIPv4('1.2.3.4')

-- name: conversions
-- rows: [[12, 0.0, "1.5", null, "1.25", 5, [1, 2], null]]
SELECT toInt64('12'), toFloat64OrZero('x'), toString(1.5), toUInt8OrNull('300'), toDecimal64('1.25', 2), '5'::UInt8, CAST('[1,2]' AS Array(UInt8)), accurateCastOrNull(300, 'UInt8')

-- name: distance
-- rows: [[0.78, 0.0]]
SELECT round(jaroSimilarity('abc', 'abd'), 2), ngramDistance('abc', 'abc')

-- name: null_functions
-- rows: [["x", 1, null, 1, 1, 3, 0, 1]]
SELECT coalesce(NULL, 'x'), ifNull(NULL, 1), nullIf(1, 1), NULL IS NULL, isNotNull(1), assumeNotNull(toNullable(3)), 1 <=> NULL, NULL IS NOT DISTINCT FROM NULL

-- name: rounding_and_maths
-- rows: [[2.6, 2.0, 3.0, 3, 1024.0, 4.0, 3.0, 3, 2, -1, 8.0]]
SELECT round(2.567, 1), floor(2.5), ceil(2.1), abs(-3), pow(2, 10), sqrt(16), log10(1000), greatest(1, 3, 2), least(4, 2), sign(-5), exp2(3)

-- name: type_names
-- rows: [["UInt8", "LowCardinality(String)", "DateTime64(3, 'UTC')", "LowCardinality(Nullable(String))", "Nullable(Float64)"]]
SELECT toTypeName(1), toTypeName(event), toTypeName(timestamp), toTypeName(properties.course_id), toTypeName(properties.score::Float64) FROM events LIMIT 1

-- name: transform
-- rows: [["Britain", 11], ["Germany", 8], ["elsewhere", 8]]
SELECT transform(country, ['GB', 'DE'], ['Britain', 'Germany'], 'elsewhere') AS place, count() FROM events GROUP BY place ORDER BY place

-- name: unicode_aliases
-- rows: [[27, "ü"]]
SELECT count() AS `число событий`, 'ü' AS "grün" FROM events

-- name: json_out
-- rows: [["{\"a\":1}", "[1,2]", 1]]
SELECT toJSONString(map('a', 1)), toJSONString([1, 2]), isValidJSON('{}')

-- name: enums
-- rows: [[1, 2]]
SELECT CAST('b', 'Enum8(''a'' = 1, ''b'' = 2)') = 'b', toInt8(CAST('b', 'Enum8(''a'' = 1, ''b'' = 2)'))

-- name: uuid
-- rows: [[1, 36]]
SELECT toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') = toUUIDOrNull('61f0c404-5cb3-11e7-907b-a6006ad3dba0'), length(toString(generateUUIDv4()))

-- name: geography
-- rows: [[878.0, "u33d", 1]]
SELECT round(greatCircleDistance(13.4, 52.5, 2.35, 48.85) / 1000), geohashEncode(13.4, 52.5, 4), pointInPolygon((1, 1), [(0, 0), (2, 0), (2, 2), (0, 2)])

-- name: sizes_for_people
-- rows: [["1.00 MiB", "1.23 million", "1 hour, 1 minute and 1 second"]]
SELECT formatReadableSize(1048576), formatReadableQuantity(1234567), formatReadableTimeDelta(3661)

-- name: buckets
-- rows: [[20.0, 2], [40.0, 2]]
SELECT floor(properties.minutes::Float64 / 20) * 20 AS bucket, count() FROM events WHERE event = 'lesson_completed' GROUP BY bucket ORDER BY bucket

-- name: random_is_bounded
-- rows: [[1, 1]]
SELECT rand() >= 0, randCanonical() < 1
