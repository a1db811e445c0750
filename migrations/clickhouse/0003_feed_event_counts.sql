-- Keeps event_counts current: one row a block for each name, quarter of an hour and day of expiry in it.
CREATE MATERIALIZED VIEW event_counts_feed TO event_counts AS
SELECT
    project_id,
    date,
    event,
    toDateTime(toStartOfFifteenMinutes(timestamp), 'UTC') AS bucket,
    toInt64(count()) AS events,
    expires_on
FROM events
GROUP BY project_id, date, event, bucket, expires_on;
