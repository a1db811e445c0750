-- name: version
-- The number that every change of projects and write keys raises.
SELECT version FROM directory_version;

-- name: projects
-- All projects.
SELECT id, slug, name, timezone, created_at, ip_policy, retention_days, event_max_bytes, event_max_age_days, id_seed,
    personal_fields, suppress_below
FROM projects ORDER BY slug;

-- name: keys
-- All write keys that are good, also those that end by themselves one day or did already.
SELECT key, project_id, ends_at, allowed_origins FROM write_keys WHERE revoked_at IS NULL;

-- name: signing_keys
-- All keys that sign access tokens, newest first.
SELECT id, salt, created_at FROM signing_keys ORDER BY created_at DESC, id DESC;

-- name: erased_count
-- How many ids are erased: they are only ever added.
SELECT count(*) AS ids FROM erased_ids;

-- name: erased
-- The keyed hashes of all erased ids.
SELECT project_id, id_hash FROM erased_ids;
