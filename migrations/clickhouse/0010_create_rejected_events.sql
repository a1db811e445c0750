-- Events that were refused at the door or quarantined by the warehouse, with the reason: to be listed, corrected and replayed.
-- A later row of the same id (greater `version`) replaces an earlier one: that is how `replayed` is noted.
CREATE TABLE rejected_events
(
    project_id LowCardinality(String),
    received_at DateTime64(3, 'UTC'),
    id String,
    status LowCardinality(String) COMMENT 'refused, quarantined or replayed',
    code LowCardinality(String),
    detail String,
    event_id String COMMENT 'as sent, when it could be read',
    body String COMMENT 'the event as sent, cut at 64 KiB',
    body_bytes UInt64 COMMENT 'its whole size',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (project_id, received_at, id)
TTL toDate(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
