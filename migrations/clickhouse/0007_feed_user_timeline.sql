-- Keeps user_timeline current.
CREATE MATERIALIZED VIEW user_timeline_feed TO user_timeline AS
SELECT project_id, date, user_hash, timestamp, id_hash, event, person, user_id = '' AS is_anonymous, session_id, expires_on
FROM events;
