"""Persons and where their data lies: the registry of stores, and erasure."""
