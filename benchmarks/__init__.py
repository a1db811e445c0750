"""Benchmarks: a load generator of its own process, and the scenarios that use it. See README.md."""
