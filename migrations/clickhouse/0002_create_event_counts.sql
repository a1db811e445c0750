-- Events by name and quarter of an hour.
-- Serves: `total` of trends without filters, for every interval of 15 minutes or more in every zone (all offsets since 2000 are
-- multiples of 15 minutes).
-- The day of expiry is part of the key: a project's retention may change within a quarter, and each event goes on its own day. Counts
-- are signed, so that reconciliation can correct them by adding rows.
CREATE TABLE event_counts
(
    project_id LowCardinality(String),
    date Date COMMENT 'day of bucket, UTC',
    event LowCardinality(String),
    bucket DateTime('UTC') COMMENT 'start of the quarter of an hour' CODEC(LZ4),
    events SimpleAggregateFunction(sum, Int64),
    expires_on Date
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(date)
PRIMARY KEY (project_id, date, event, bucket)
ORDER BY (project_id, date, event, bucket, expires_on)
TTL expires_on
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
