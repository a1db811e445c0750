"""Values as PostgreSQL can keep them."""

from typing import Any


def storable(value: Any) -> Any:
    """`value` (JSON) without what PostgreSQL keeps in no text: NUL and lone surrogates."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {storable(key): storable(inner) for key, inner in value.items()}
    return [storable(inner) for inner in value] if isinstance(value, list) else value
