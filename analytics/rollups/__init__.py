"""Rollups that projects make for themselves: planned, fed on the way of events, filled for the past, compared, asked."""
