-- Keeps user_days current.
CREATE MATERIALIZED VIEW user_days_feed TO user_days AS
SELECT
    project_id,
    local_date,
    event,
    user_hash,
    person,
    user_id = '' AS is_anonymous,
    toInt64(count()) AS events,
    expires_on
FROM events
GROUP BY project_id, local_date, event, user_hash, person, is_anonymous, expires_on;
