-- name: parts
-- Whether there is a table, and how many parts it has.
-- returns: tables UInt64, parts UInt64
SELECT
    (SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = {table:String}) AS tables,
    (SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = {table:String}) AS parts
