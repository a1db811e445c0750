-- name: unmerged_parts
-- How many parts of events were never merged, and how many changes of any table wait for merging threads.
-- returns: parts UInt64, changes UInt64
SELECT
    (SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events' AND level = 0) AS parts,
    (SELECT count() FROM system.mutations WHERE database = currentDatabase() AND NOT is_done) AS changes
