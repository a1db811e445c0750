-- Events by name and quarter of an hour.
-- Serves: `total` of trends without filters, for every interval of 15 minutes or more in every zone (all offsets since 2000 are
-- multiples of 15 minutes).
CREATE TABLE event_counts
(
    project_id LowCardinality(String),
    date Date COMMENT 'day of bucket, UTC',
    event LowCardinality(String),
    bucket DateTime('UTC') CODEC(LZ4) COMMENT 'start of the quarter of an hour',
    events SimpleAggregateFunction(sum, UInt64),
    expires_on SimpleAggregateFunction(max, Date)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(date)
ORDER BY (project_id, date, event, bucket)
TTL expires_on
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
