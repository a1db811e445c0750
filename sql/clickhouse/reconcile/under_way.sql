-- name: under_way
-- Whether a question, which names `mark` in its WITH, has begun to read: from then on it sees the tables as they were.
-- returns: begun UInt8
SELECT toUInt8(count() > 0) AS begun
FROM system.processes
WHERE startsWith(query, 'WITH') AND position(query, {mark:String}) > 0 AND read_rows > 0
