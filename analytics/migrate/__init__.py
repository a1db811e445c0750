"""Numbered SQL files, forward only, checksummed."""
