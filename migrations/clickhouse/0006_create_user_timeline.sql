-- Events ordered by person and time, narrow.
-- Serves: the timeline of one person; funnels, paths and sessions that need no properties.
CREATE TABLE user_timeline
(
    project_id LowCardinality(String),
    date Date COMMENT 'day of timestamp, UTC',
    user_hash UInt64 CODEC(LZ4),
    timestamp DateTime64(3, 'UTC') CODEC(LZ4),
    id_hash UInt64 CODEC(NONE),
    event LowCardinality(String),
    person String,
    is_anonymous UInt8,
    session_id String,
    expires_on Date
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(date)
PRIMARY KEY (project_id, user_hash)
ORDER BY (project_id, user_hash, timestamp, id_hash)
TTL expires_on
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_parts_to_merge_at_once = 12,
    merge_selector_base = 12,
    merge_selector_enable_heuristic_to_lower_max_parts_to_merge_at_once = 0;
