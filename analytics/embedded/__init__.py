"""PostgreSQL and Valkey from wheels, as child processes."""
