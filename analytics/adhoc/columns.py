"""Columns of an answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name and the engine's type."""

    name: str
    type: str
