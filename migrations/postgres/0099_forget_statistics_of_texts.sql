-- Statistics that were gathered before 0098 stay in the catalogue, and no ANALYZE takes them away: a column that is given the type it has
-- loses them, and nothing is written anew.
ALTER TABLE sql_queries ALTER COLUMN statement TYPE text, ALTER COLUMN parameters TYPE jsonb;
ALTER TABLE saved_queries ALTER COLUMN description TYPE text, ALTER COLUMN question TYPE jsonb;
ALTER TABLE saved_query_versions ALTER COLUMN description TYPE text, ALTER COLUMN question TYPE jsonb;
ALTER TABLE rollups ALTER COLUMN name TYPE text, ALTER COLUMN description TYPE text, ALTER COLUMN sql TYPE text, ALTER COLUMN plan TYPE jsonb;
ALTER TABLE alerts ALTER COLUMN name TYPE text, ALTER COLUMN description TYPE text, ALTER COLUMN question TYPE jsonb,
    ALTER COLUMN params TYPE jsonb;
ALTER TABLE dashboards ALTER COLUMN name TYPE text, ALTER COLUMN document TYPE jsonb;
ALTER TABLE dashboard_shares ALTER COLUMN filters TYPE jsonb;
