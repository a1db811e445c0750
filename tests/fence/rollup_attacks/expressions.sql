-- name: now
-- why: a clock
SELECT event, now() AS t, count() AS n FROM events GROUP BY event, t

-- name: today_in_where
-- why: a clock
SELECT event, count() AS n FROM events WHERE timestamp > today() GROUP BY event

-- name: bare_now
-- why: a clock without brackets
SELECT event, count() AS n FROM events WHERE timestamp > current_timestamp GROUP BY event

-- name: rand
-- why: dice
SELECT rand() % 10 AS r, count() AS n FROM events GROUP BY r

-- name: uuid
-- why: a group for each event
SELECT generateUUIDv4() AS u, count() AS n FROM events GROUP BY u

-- name: row_number
-- why: a group for each event, by the batch
SELECT rowNumberInAllBlocks() AS r, count() AS n FROM events GROUP BY r

-- name: throw_if
-- why: events that are not stored
SELECT throwIf(event = 'x') AS t, count() AS n FROM events GROUP BY t

-- name: repeat
-- why: memory
SELECT repeat(event, 1000000) AS t, count() AS n FROM events GROUP BY t

-- name: range
-- why: memory
SELECT event, max(range(1000000)) AS n FROM events GROUP BY event

-- name: lambda
-- why: as much work as a list is long
SELECT arrayMap(x -> x, [1]) AS t, count() AS n FROM events GROUP BY t

-- name: replace_all
-- why: memory
SELECT replaceAll(event, 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') AS t, count() AS n FROM events GROUP BY t

-- name: sleep
-- why: time
SELECT sleep(1) AS t, count() AS n FROM events GROUP BY t

-- name: file
-- why: files
SELECT file('/etc/passwd') AS t, count() AS n FROM events GROUP BY t

-- name: dictionary
-- why: other tables
SELECT dictGet('d', 'a', event) AS t, count() AS n FROM events GROUP BY t

-- name: user_id
-- why: persons as rows
SELECT user_id, count() AS n FROM events GROUP BY user_id

-- name: person_hidden
-- why: persons as rows, changed a little
SELECT lower(concat(person, '!')) AS p, count() AS n FROM events GROUP BY p

-- name: person_qualified
-- why: likewise
SELECT e.anonymous_id AS p, count() AS n FROM events AS e GROUP BY p

-- name: session
-- why: sessions as rows
SELECT session_id, count() AS n FROM events GROUP BY session_id

-- name: address
-- why: addresses as rows
SELECT ip, count() AS n FROM events GROUP BY ip

-- name: event_id
-- why: a group for each event
SELECT event_id, count() AS n FROM events GROUP BY event_id

-- name: whole_properties
-- why: all that was sent
SELECT properties, count() AS n FROM events GROUP BY properties

-- name: whole_properties_hidden
-- why: all that was sent
SELECT substring(properties, 1) AS p, count() AS n FROM events GROUP BY p

-- name: person_by_member
-- why: a person through the function that takes members
SELECT JSONExtractString(user_id, 'x') AS p, count() AS n FROM events GROUP BY p

-- name: person_as_path
-- why: likewise, in the place of a member's name
SELECT JSONExtractString(properties, user_id) AS p, count() AS n FROM events GROUP BY p

-- name: max_person
-- why: persons out of an aggregate
SELECT event, max(user_id) AS n FROM events GROUP BY event

-- name: min_if_person
-- why: likewise
SELECT event, minIf(person, event = 'x') AS n FROM events GROUP BY event

-- name: group_array
-- why: all values
SELECT event, groupArray(user_id) AS n FROM events GROUP BY event

-- name: any
-- why: a value by chance
SELECT event, any(country) AS n FROM events GROUP BY event

-- name: arg_max
-- why: of equals one by chance
SELECT event, argMax(country, timestamp) AS n FROM events GROUP BY event

-- name: top_k
-- why: values by chance
SELECT event, topK(10)(country) AS n FROM events GROUP BY event

-- name: state
-- why: a state as a column
SELECT event, uniqState(user_id) AS n FROM events GROUP BY event

-- name: merge
-- why: a made-up state
SELECT event, uniqMerge(CAST(properties.x, 'AggregateFunction(uniq, String)')) AS n FROM events GROUP BY event

-- name: combinators
-- why: a state that a table cannot keep
SELECT event, sumForEach([1, 2]) AS n FROM events GROUP BY event

-- name: count_distinct
-- why: another aggregate by the engine's settings
SELECT event, count(DISTINCT user_id) AS n FROM events GROUP BY event

-- name: over_aggregates
-- why: an aggregate that cannot be added up
SELECT event, sum(is_bot) / count() AS n FROM events GROUP BY event

-- name: nested_aggregate
-- why: likewise
SELECT event, sum(count()) AS n FROM events GROUP BY event

-- name: aggregate_in_where
-- why: likewise
SELECT event, count() AS n FROM events WHERE count() > 1 GROUP BY event

-- name: parameter_of_aggregate
-- why: text in the place of a number
SELECT event, quantile('0.5')(is_bot) AS n FROM events GROUP BY event

-- name: neither
-- why: a value by chance
SELECT event, country, count() AS n FROM events GROUP BY event

-- name: no_aggregate
-- why: nothing to keep
SELECT event FROM events GROUP BY event

-- name: case_of_names
-- why: two columns that look alike
SELECT event AS x, country AS X, count() AS n FROM events GROUP BY x, X
