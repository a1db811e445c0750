-- name: export_events
-- Events that count for a person, of some days, whole; only those whose hash leaves `slice` when divided by `slices`.
-- returns: a row per event, as the columns are named
SELECT
    event_id, event, timestamp, received_at, user_id, anonymous_id, session_id, properties,
    ip, user_agent, page_url, page_title, referrer,
    campaign_source, campaign_medium, campaign_name, campaign_term, campaign_content,
    locale, timezone, context_extra, browser, browser_version, os, device, is_bot, country
FROM events
WHERE project_id = {project_id:String}
  AND date BETWEEN {first:Date} AND {last:Date}
  AND expires_on > {today:Date}
  AND id_hash % {slices:UInt32} = {slice:UInt32}
  AND xxh3(person) IN {quick:Array(UInt64)} AND hex(SHA256(concat({nonce:String}, person))) IN {exact:Array(String)}
ORDER BY timestamp, id_hash, id_check
LIMIT 1000000
