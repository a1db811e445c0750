-- name: lock
-- A name that nobody else gives back, or writes what reads it, until the transaction ends.
SELECT name FROM source_names WHERE project_id = %(project_id)s AND name = %(name)s FOR UPDATE;

-- name: hold
-- Those of some names that exist; they stay until the transaction ends.
SELECT name FROM source_names WHERE project_id = %(project_id)s AND name = ANY (%(names)s::text[]) ORDER BY name FOR KEY SHARE;

-- name: uses
-- What names a saved query or rollup: saved queries that read it, alerts and tiles that ask it.
SELECT 'saved query' AS kind, name AS id FROM saved_queries
WHERE project_id = %(project_id)s AND reads @> ARRAY[%(name)s::text] AND name != %(name)s
UNION
SELECT 'alert' AS kind, id FROM alerts
WHERE project_id = %(project_id)s AND saved_query = %(name)s
UNION
SELECT 'dashboard' AS kind, id FROM dashboards
WHERE project_id = %(project_id)s AND document -> 'tiles' @> jsonb_build_array(
    jsonb_build_object('question', jsonb_build_object('saved', %(name)s::text)))
ORDER BY kind, id
LIMIT 20;

-- name: texts
-- Texts of SQL of alerts and tiles in which a name stands, be it as a table or not, but not within a longer name; and a few of who asks each.
WITH asked AS (
    SELECT 'alert' AS kind, id, question ->> 'sql' AS sql FROM alerts
    WHERE project_id = %(project_id)s
    UNION
    SELECT 'dashboard' AS kind, id, tile -> 'question' ->> 'sql' AS sql
    FROM dashboards CROSS JOIN jsonb_array_elements(document -> 'tiles') AS tile
    WHERE project_id = %(project_id)s
)
SELECT sql, (array_agg(ARRAY[kind, id] ORDER BY kind, id))[:%(users)s] AS users
FROM asked
WHERE strpos(sql, %(name)s) > 0 AND sql ~ ('(?<![A-Za-z0-9_])' || %(name)s::text || '(?![A-Za-z0-9_])')
GROUP BY sql
ORDER BY sql
LIMIT %(limit)s;
