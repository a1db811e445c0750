-- Keeps event_counts current: one row a block for each name and quarter of an hour in it.
CREATE MATERIALIZED VIEW event_counts_feed TO event_counts AS
SELECT
    project_id,
    date,
    event,
    toDateTime(toStartOfFifteenMinutes(timestamp), 'UTC') AS bucket,
    count() AS events,
    max(expires_on) AS expires_on
FROM events
GROUP BY project_id, date, event, bucket;
