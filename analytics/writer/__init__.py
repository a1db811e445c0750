"""From the spool into ClickHouse, once."""
