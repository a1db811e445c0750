"""Projects for tests that need no database."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from analytics.domain.project import Project

_PROJECT = Project("p1", "default", "Default", "UTC", datetime(2026, 1, 1, tzinfo=UTC), id_seed=42)


def make_project(**changes: Any) -> Project:
    """A project with defaults."""
    return replace(_PROJECT, **changes)
