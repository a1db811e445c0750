-- name: parts
-- What each partition of events and its rollups, own ones too, is made of: a hash of the names of its parts, which changes with any change of rows.
-- returns: place String (table/partition), parts UInt64
SELECT concat(table, '/', partition_id) AS place, groupBitXor(sipHash64(name)) AS parts
FROM system.parts
WHERE active AND database = currentDatabase() 
  AND (table IN ('events', 'event_counts', 'user_days', 'user_timeline') OR match(table, '^analyst_table_[0-9]{2}$'))
GROUP BY place
ORDER BY place
LIMIT 1000000
