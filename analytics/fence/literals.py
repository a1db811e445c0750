"""Values that stand in a statement."""

from typing import Any

from analytics.fence.refusal import RefusedError

_LITERALS = frozenset({"Null", "Bool", "UInt64", "Int64", "UInt128", "Int128", "UInt256", "Int256", "Float64", "String", "Array", "Tuple"})


def checked_literal(value: Any) -> Any:
    """The value of a literal, if it is of a kind that is known. Raises RefusedError."""
    if not isinstance(value, dict) or value.keys() - {"field_type", "value"} or value.get("field_type") not in _LITERALS:
        raise RefusedError("This value is not understood.")
    if isinstance(value.get("value"), list):
        return {**value, "value": [checked_literal(item) for item in value["value"]]}
    return value
