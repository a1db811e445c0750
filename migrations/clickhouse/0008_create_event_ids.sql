-- Ids received of late, ordered by hash.
-- Serves: the writer's question "is this id stored?" about the few events that its filter in memory cannot clear, and the rebuilding of
-- that filter at a start. Rows leave a day after the horizon of 24 hours.
CREATE TABLE event_ids
(
    received_on Date,
    received_at DateTime('UTC') CODEC(Delta, LZ4),
    id_hash UInt64 CODEC(NONE),
    id_check UInt64 CODEC(NONE)
)
ENGINE = MergeTree
PARTITION BY received_on
ORDER BY id_hash
TTL received_on + INTERVAL 3 DAY
SETTINGS
    index_granularity = 1024,
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_parts_to_merge_at_once = 12,
    merge_selector_base = 12,
    merge_selector_enable_heuristic_to_lower_max_parts_to_merge_at_once = 0;
