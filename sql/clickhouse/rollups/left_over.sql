-- name: left_over
-- Tables beside own rollups in which days were computed anew, that nobody has touched for some seconds.
-- returns: name String
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND match(name, '^analyst_table_[0-9]{2}_new_[0-9a-f]{32}$')
  AND metadata_modification_time <= now() - toIntervalSecond({seconds:UInt32})
ORDER BY name
LIMIT 1000
