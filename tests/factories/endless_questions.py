"""A question that never ends by itself, and what the engine says of it."""

from analytics.warehouse.client import Warehouse

ENDLESS = "SELECT count() AS found FROM system.numbers WHERE sipHash64(number) = 1"
ENDLESS_SETTINGS = {"max_execution_time": 0, "max_threads": 1}
_THEM = "startsWith(query, '/*q:') AND position(query, {text:String}) > 0"


def endless_under_way(warehouse: Warehouse) -> int:
    """How many of them the engine works on."""
    return int(warehouse.query(f"SELECT count() FROM system.processes WHERE {_THEM}", {"text": ENDLESS}, lane="control").rows[0][0])


def end_endless(warehouse: Warehouse) -> None:
    """End those that a failed test left."""
    warehouse.command(f"KILL QUERY WHERE {_THEM} ASYNC", {"text": ENDLESS})
