-- When an API token was last used, to the minute: so that one nobody uses can be found and ended.
ALTER TABLE api_tokens ADD COLUMN last_used_at timestamptz;
