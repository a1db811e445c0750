"""Settings as they stand in SQL, where no driver can carry them beside it."""

from collections.abc import Mapping


def setting_text(settings: Mapping[str, object]) -> str:
    """`name = value, …`; the names are our own, the values numbers or texts."""
    return ", ".join(f"{name} = {_literal(value)}" for name, value in settings.items())


def _literal(value: object) -> str:
    if isinstance(value, (int, float)):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
