-- name: by_keys
-- Whole events of one project by the hashes of their ids. Their days, names and times of receipt bound what is read: the hash is in no index.
-- returns: a row per event, as the columns are named
SELECT
    received_at, id_hash, id_check, event_id, event, timestamp, user_id, anonymous_id, session_id, properties,
    ip, user_agent, page_url, page_title, referrer,
    campaign_source, campaign_medium, campaign_name, campaign_term, campaign_content,
    locale, timezone, context_extra
FROM events
PREWHERE id_hash IN {hashes:Array(UInt64)}
WHERE project_id = {project_id:String}
  AND date IN {dates:Array(Date)}
  AND event IN {names:Array(String)}
  AND received_at BETWEEN {since:DateTime64(3, 'UTC')} AND {until:DateTime64(3, 'UTC')}
ORDER BY received_at DESC, id_hash DESC, id_check DESC
LIMIT 100000
