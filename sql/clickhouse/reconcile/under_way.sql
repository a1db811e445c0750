-- name: under_way
-- Whether a statement, marked by `mark` at its beginning, has begun to read: from then on it sees the tables as they were.
-- returns: begun UInt8
SELECT toUInt8(count() > 0) AS begun
FROM system.processes
WHERE startsWith(query, {mark:String}) AND read_rows > 0
