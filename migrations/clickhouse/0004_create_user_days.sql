-- Who did what on which day, with how many events.
-- Serves: unique users by day, week or month in the zone of the project; retention, lifecycle and stickiness over event names.
-- Rows carry the person as sent, so that a later link of identities changes no row. A key whose events sum up to nothing must not stay:
-- questions count persons without adding up (reconciliation deletes such keys).
CREATE TABLE user_days
(
    project_id LowCardinality(String),
    local_date Date COMMENT 'day in the zone of the project',
    event LowCardinality(String),
    user_hash UInt64 CODEC(LZ4),
    person String,
    is_anonymous UInt8 COMMENT '1: person is an anonymous_id',
    events SimpleAggregateFunction(sum, Int64),
    expires_on Date
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(local_date)
PRIMARY KEY (project_id, local_date, event)
ORDER BY (project_id, local_date, event, user_hash, person, is_anonymous, expires_on)
TTL expires_on
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
