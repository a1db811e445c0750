"""The analytics service: events in over HTTP, stored exactly once in ClickHouse, answered within a second."""

__version__ = "0.1.0"
