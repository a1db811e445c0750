-- Every event, once, as it was first received.
-- Serves: any question that needs properties, context or a filter; the newest-first list of events; ad-hoc SQL.
-- Key: one project, a span of days and an event name are one range of it; the id's hash comes last, so that a repeat which slipped
-- past the check before the insert collapses at a merge (the earliest received wins: `version` falls with time).
CREATE TABLE events
(
    project_id LowCardinality(String),
    date Date DEFAULT toDate(timestamp) COMMENT 'day of timestamp, UTC',
    event LowCardinality(String),
    user_hash UInt64 DEFAULT xxh3(person) CODEC(LZ4),
    id_hash UInt64 COMMENT 'first half of the keyed 128-bit hash of event_id' CODEC(NONE),
    id_check UInt64 COMMENT 'second half' CODEC(NONE),
    timestamp DateTime64(3, 'UTC') CODEC(LZ4),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    local_date Date COMMENT 'day of timestamp in the zone of the project',
    expires_on Date COMMENT 'first day on which the row is gone',
    event_id String,
    person String DEFAULT if(user_id = '', anonymous_id, user_id) COMMENT 'who counts as the user until identities are linked',
    user_id String,
    anonymous_id String,
    session_id String,
    properties String COMMENT 'compact JSON object',
    ip String,
    user_agent LowCardinality(String),
    browser LowCardinality(String),
    browser_version LowCardinality(String),
    os LowCardinality(String),
    device LowCardinality(String) COMMENT 'desktop, mobile, tablet, bot or other; empty: unknown',
    is_bot UInt8,
    country LowCardinality(String),
    page_url String,
    page_host LowCardinality(String),
    page_path String,
    page_title String,
    referrer String,
    referrer_host LowCardinality(String),
    campaign_source LowCardinality(String),
    campaign_medium LowCardinality(String),
    campaign_name LowCardinality(String),
    campaign_term LowCardinality(String),
    campaign_content LowCardinality(String),
    locale LowCardinality(String),
    timezone LowCardinality(String),
    context_extra String COMMENT 'members of context that have no column, as a JSON object; empty: none',
    version UInt32 MATERIALIZED 4294967295 - toUnixTimestamp(received_at),
    course_id LowCardinality(String) MATERIALIZED JSONExtract(properties, 'course_id', 'String'),
    lesson_id LowCardinality(String) MATERIALIZED JSONExtract(properties, 'lesson_id', 'String'),
    INDEX received_at_range received_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(date)
PRIMARY KEY (project_id, date, event)
ORDER BY (project_id, date, event, user_hash, id_hash)
TTL expires_on
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_parts_to_merge_at_once = 12,
    merge_selector_base = 12,
    merge_selector_enable_heuristic_to_lower_max_parts_to_merge_at_once = 0;
