-- Keeps event_ids current.
CREATE MATERIALIZED VIEW event_ids_feed TO event_ids AS
SELECT toDate(received_at) AS received_on, toDateTime(received_at) AS received_at, id_hash, id_check
FROM events;
