-- The planner's statistics hold frequent values as they are, in a catalogue that no erasure reaches: none are kept of texts that may name persons.
ALTER TABLE sql_queries ALTER COLUMN statement SET STATISTICS 0, ALTER COLUMN parameters SET STATISTICS 0;
ALTER TABLE saved_queries ALTER COLUMN description SET STATISTICS 0, ALTER COLUMN question SET STATISTICS 0;
ALTER TABLE saved_query_versions ALTER COLUMN description SET STATISTICS 0, ALTER COLUMN question SET STATISTICS 0;
ALTER TABLE rollups ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN description SET STATISTICS 0, ALTER COLUMN sql SET STATISTICS 0,
    ALTER COLUMN plan SET STATISTICS 0;
ALTER TABLE alerts ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN description SET STATISTICS 0, ALTER COLUMN question SET STATISTICS 0,
    ALTER COLUMN params SET STATISTICS 0;
ALTER TABLE dashboards ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN document SET STATISTICS 0;
ALTER TABLE dashboard_shares ALTER COLUMN filters SET STATISTICS 0;
