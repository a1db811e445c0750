"""A person's rows in ClickHouse: found, hidden ones included, and removed from the disk.

A deletion leaves the rows three times: in parts that are not read any more, behind the mask of lightweight deletions, and as text of the
statement that deleted them. So rows are removed by a mutation that names hashes only, masks are applied, old parts are dropped at once,
and the mutation's own file is removed. The one thing to know: what replaces the old parts must be synced before these go, so for as long
as a removal runs the table syncs its merges.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from analytics.errors import WarehouseUnavailableError
from analytics.privacy.links import DEEP_QUESTION
from analytics.privacy.subject import Subject
from analytics.statements import Statement, clickhouse
from analytics.warehouse.client import Warehouse

_CHANGE: Mapping[str, Any] = {"mutations_sync": 1}
_REMOVING = "old_parts_lifetime = 0, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1"
_REMOVED = "old_parts_lifetime, min_rows_to_fsync_after_merge, min_compressed_bytes_to_fsync_after_merge"
_NO_PARTITION = "190001"  # tables begin in 1970
_LONGEST_CLEANING_SECONDS = 300.0
_ROWS_A_ROUND = 5_000


class PersonalStore(Protocol):
    """A store that holds persons. `name` is `kind:name`; methods block."""

    @property
    def name(self) -> str: ...

    def find(self, subject: Subject) -> int:
        """How many entries of the person are there, in whatever form."""
        ...

    def remove(self, subject: Subject) -> None:
        """Remove them from memory and disk. May be broken off anywhere and called again."""
        ...


class PersonTable:
    """A table whose rows name a person. Methods raise WarehouseUnavailableError, QueryTimeoutError or LimitExceededError."""

    def __init__(self, warehouse: Warehouse, table: str, find: Statement, remove: Statement) -> None:
        self.name = f"clickhouse:{table}"
        self._warehouse = warehouse
        self._table = table
        self._find = find
        self._remove = remove

    def find(self, subject: Subject) -> int:
        answer = self._warehouse.query(self._find.text(), subject.by_hash, lane="reconcile", settings=DEEP_QUESTION)
        return int(answer.rows[0][0])

    def remove(self, subject: Subject) -> None:
        removed_from_disk(
            self._warehouse,
            self._table,
            lambda: self._warehouse.command(self._remove.text(), subject.by_hash, lane="reconcile", settings=_CHANGE),
        )


class RejectedTable:
    """Rejected events: the person is somewhere in what was sent."""

    name = "clickhouse:rejected_events"

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def find(self, subject: Subject) -> int:
        return len(self._ids(subject, 1_000_000))

    def remove(self, subject: Subject) -> None:
        def remove() -> None:
            while ids := self._ids(subject, _ROWS_A_ROUND):
                parameters = {"project_id": subject.project_id, "ids": ids}
                statement = clickhouse("privacy/remove_rejected_events").text()
                self._warehouse.command(statement, parameters, lane="reconcile", settings=_CHANGE)

        removed_from_disk(self._warehouse, "rejected_events", remove)

    def _ids(self, subject: Subject, rows: int) -> list[str]:
        parameters = {"project_id": subject.project_id, "needles": list(subject.needles), "ids": list(subject.ids), "rows": rows}
        answer = self._warehouse.query(
            clickhouse("privacy/find_rejected_events").text(), parameters, lane="reconcile", settings=DEEP_QUESTION
        )
        return [row[0] for row in answer.rows]


def person_tables(warehouse: Warehouse) -> tuple[PersonTable, ...]:
    """The tables that name a person in a column."""
    return (
        PersonTable(warehouse, "events", clickhouse("privacy/find_events"), clickhouse("privacy/remove_events")),
        PersonTable(warehouse, "user_days", clickhouse("privacy/find_user_days"), clickhouse("privacy/remove_user_days")),
        PersonTable(warehouse, "user_timeline", clickhouse("privacy/find_user_timeline"), clickhouse("privacy/remove_user_timeline")),
    )


def removed_from_disk(warehouse: Warehouse, table: str, remove: Callable[[], None] = lambda: None) -> None:
    """Call `remove`, which deletes rows of `table`, and see to it that nothing of them stays on disk."""
    warehouse.command(f"ALTER TABLE {table} MODIFY SETTING {_REMOVING}")
    # Rows behind a mask are left alone by a deletion.
    warehouse.command(f"ALTER TABLE {table} APPLY DELETED MASK", lane="reconcile", settings=_CHANGE)
    remove()
    _wait_for_changes(warehouse, table)
    _drop_old_parts(warehouse, table)
    # What is done has its statement still on disk: hashes, but of one person.
    warehouse.command(f"KILL MUTATION WHERE database = currentDatabase() AND table = '{table}' AND is_done")
    warehouse.command(f"ALTER TABLE {table} RESET SETTING {_REMOVED}")


def _wait_for_changes(warehouse: Warehouse, table: str) -> None:
    """Also for those that a killed run left, which the engine goes on with by itself."""
    deadline = time.monotonic() + _LONGEST_CLEANING_SECONDS
    while warehouse.query(clickhouse("privacy/removals_under_way").text(), {"table": table}, lane="control").rows[0][0]:
        if time.monotonic() > deadline:
            raise WarehouseUnavailableError(f"Rows of {table} are still being removed.")
        if warehouse.embedded:
            warehouse.command(f"SYSTEM START MERGES {table}")  # wakes its background work
        time.sleep(0.05)


def _drop_old_parts(warehouse: Warehouse, table: str) -> None:
    """Until all parts that are old now are gone; merges go on and make others, which hold nothing of what was removed."""
    deadline = time.monotonic() + _LONGEST_CLEANING_SECONDS
    old = _old_parts(warehouse, table)
    while old:
        # The engine drops old parts when it feels like it, and at once at the end of this.
        warehouse.command(f"ALTER TABLE {table} DROP PARTITION ID '{_NO_PARTITION}'")
        old &= _old_parts(warehouse, table)
        if old and time.monotonic() > deadline:
            raise WarehouseUnavailableError(f"Old parts of {table} are still read by somebody.")
        if old:
            time.sleep(0.05)


def _old_parts(warehouse: Warehouse, table: str) -> set[str]:
    rows = warehouse.query(clickhouse("privacy/old_parts").text(), {"table": table}, lane="control").rows
    return {row[0] for row in rows}
