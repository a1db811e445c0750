"""Dashboards: questions with charts, asked together, shown together."""
