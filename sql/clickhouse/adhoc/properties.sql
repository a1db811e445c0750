-- name: properties
-- Members of `properties` in a sample of the project's events, with the types of their values and the share of events that have them.
-- Runs as an analyst's query, through the fence, which puts the project's rows in the place of `events`.
-- returns: name String, types Array(String), share Float64
SELECT name, groupUniqArray(10)(type) AS types, count() / greatest(1, (SELECT count() FROM (SELECT event FROM events LIMIT 20000))) AS share
FROM
(
    SELECT arrayJoin(JSONExtractKeysAndValuesRaw(properties)) AS pair, pair.1 AS name, toString(JSONType(pair.2)) AS type
    FROM (SELECT properties FROM events LIMIT 20000)
)
GROUP BY name
ORDER BY share DESC, name
LIMIT 300
