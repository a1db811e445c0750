-- Reconciliations, wanted, under way and ended: what was removed, and by how much the rollups differed.
-- Serves: the list of them; what the next one must look at (`parts`: which parts of tables the last one knew).
-- A later row of the same id (greater `version`) replaces an earlier one.
CREATE TABLE reconciliations
(
    id String,
    status LowCardinality(String) COMMENT 'requested, running, finished, failed or interrupted',
    reason LowCardinality(String) COMMENT 'daily, asked or quarantine',
    full UInt8 COMMENT '1: all ids and all months, 0: what is new since the last finished one',
    requested_at DateTime64(3, 'UTC'),
    started_at DateTime64(3, 'UTC') COMMENT '1970: not yet',
    finished_at DateTime64(3, 'UTC') COMMENT '1970: not yet',
    complete_until DateTime64(3, 'UTC') COMMENT 'what was received before was stored when it began',
    phase LowCardinality(String),
    steps_done UInt32,
    steps UInt32,
    removed UInt64 COMMENT 'late repeats removed from events',
    drift Map(LowCardinality(String), UInt64) COMMENT 'table: events by which it differed',
    parts Map(String, UInt64) COMMENT 'table/partition: hash of the names of its parts when it began',
    error String,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (requested_at, id)
TTL toDate(requested_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
