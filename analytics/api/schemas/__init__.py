"""Bodies and answers of the routes."""
