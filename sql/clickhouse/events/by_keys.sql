-- name: by_keys
-- Whole events of one project by the hashes of their ids; days and times of receipt of all of them bound what is read.
-- returns: a row per event, as the columns are named
SELECT
    received_at, id_hash, id_check, event_id, event, timestamp, user_id, anonymous_id, session_id, properties,
    ip, user_agent, page_url, page_title, referrer,
    campaign_source, campaign_medium, campaign_name, campaign_term, campaign_content,
    locale, timezone, context_extra
FROM events
WHERE project_id = {project_id:String}
  AND date BETWEEN {first_date:Date} AND {last_date:Date}
  AND received_at BETWEEN {since:DateTime64(3, 'UTC')} AND {until:DateTime64(3, 'UTC')}
  AND id_hash IN {hashes:Array(UInt64)}
ORDER BY received_at DESC, id_hash DESC, id_check DESC
LIMIT 100000
