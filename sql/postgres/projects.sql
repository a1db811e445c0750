-- name: insert
-- One project; its slug must be new.
INSERT INTO projects
    (id, slug, name, timezone, created_at, ip_policy, retention_days, event_max_bytes, event_max_age_days, id_seed,
     personal_fields, suppress_below)
VALUES
    (%(id)s, %(slug)s, %(name)s, %(timezone)s, %(created_at)s, %(ip_policy)s, %(retention_days)s, %(event_max_bytes)s,
     %(event_max_age_days)s, %(id_seed)s, %(personal_fields)s, %(suppress_below)s);

-- name: by_slug
-- One project, or none.
SELECT id, slug, name, timezone, created_at, ip_policy, retention_days, event_max_bytes, event_max_age_days, id_seed,
    personal_fields, suppress_below
FROM projects WHERE slug = %(slug)s;

-- name: update
-- Name and policies of one project.
UPDATE projects
SET name = %(name)s, ip_policy = %(ip_policy)s, retention_days = %(retention_days)s, event_max_bytes = %(event_max_bytes)s,
    event_max_age_days = %(event_max_age_days)s, personal_fields = %(personal_fields)s,
    suppress_below = %(suppress_below)s
WHERE id = %(id)s;
