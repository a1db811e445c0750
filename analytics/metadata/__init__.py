"""PostgreSQL: people, projects, keys."""
