"""What a data dir holds, read without the service: the way of a batch from the files alone, the tables through an engine of its own.

Run as a program (`python -m tests.faults.stored_state DATA_DIR`) it prints the tables as JSON: chDB wants a process to itself.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics.migrate.clickhouse import migrate_clickhouse
from analytics.spool.files import read_file, unseal
from analytics.spool.segment import START_OF_SEGMENT, Position, segment_numbers, segment_path
from analytics.warehouse.client import Warehouse, open_warehouse
from analytics.writer.batch import load_verdicts
from tests.factories.person_traces import in_tables
from tests.fixtures.patience import PATIENCE_SECONDS

_FIND = "--find"
TABLES = ("events", "event_counts", "user_days", "user_timeline", "event_ids")
_PART = re.compile(r"(\d+)_(\d+)_(\d+)_(\d+)")


@dataclass(frozen=True, slots=True)
class Part:
    """A part by its name: `first` to `last` are the numbers of the blocks in it."""

    partition: str
    first: int
    last: int
    level: int


def part_of(name: str) -> Part | None:
    """The part that a folder of this name is; None for other folders."""
    match = _PART.fullmatch(name)
    return Part(match[1], int(match[2]), int(match[3]), int(match[4])) if match else None


def table_folders(data_dir: Path) -> dict[str, Path]:
    """Where each table keeps its parts."""
    return {table: (data_dir / "clickhouse" / "store" / "data" / "default" / table).resolve() for table in TABLES}


def last_blocks(data_dir: Path) -> dict[str, int]:
    """The highest block number of each table: it grows with each part that lands, and merges keep it."""
    return {
        table: max((part.last for entry in folder.iterdir() if (part := part_of(entry.name))), default=0)
        for table, folder in table_folders(data_dir).items()
        if folder.is_dir()
    }


@dataclass(frozen=True, slots=True)
class SpoolState:
    """The spool's files: what is checkpointed, where the disk ends, whether a verdict waits for its checkpoint."""

    checkpoint: Position
    end: Position
    verdict_open: bool

    @property
    def drained(self) -> bool:
        """Whether nothing waits."""
        return self.checkpoint >= self.end


def spool_state(data_dir: Path) -> SpoolState:
    """Read them, also while the service runs."""
    while True:
        try:
            return _spool_state(data_dir / "spool")
        except FileNotFoundError:
            continue  # a segment was stored and removed meanwhile


def _spool_state(folder: Path) -> SpoolState:
    content = unseal(read_file(folder / "checkpoint") or b"") or b"0 0"
    checkpoint = Position(*map(int, content.split()))
    end = Position(0, 0)
    for number in segment_numbers(folder):
        size = segment_path(folder, number).stat().st_size
        if size > START_OF_SEGMENT or number == checkpoint.segment:
            end = Position(number, size)
    under_way = any(Position(*verdict.start) == checkpoint for verdict in load_verdicts(folder))
    return SpoolState(checkpoint, end, under_way and not checkpoint >= end)


_COUNTS = {
    "events": "SELECT count(), uniqExact(event_id) FROM events",
    "events_final": "SELECT count(), uniqExact(event_id) FROM events FINAL",
    "event_counts": "SELECT sum(events), 0 FROM event_counts",
    "user_days": "SELECT sum(events), 0 FROM user_days",
    "user_timeline": "SELECT count(), uniqExact(id_hash) FROM user_timeline",
    "event_ids": "SELECT count(), uniqExact(id_hash) FROM event_ids",
}
_BY_NAME = {
    "events": "SELECT event, count() FROM events GROUP BY event",
    "event_counts": "SELECT event, sum(events) FROM event_counts GROUP BY event",
    "user_days": "SELECT event, sum(events) FROM user_days GROUP BY event",
    "user_timeline": "SELECT event, count() FROM user_timeline GROUP BY event",
}


@dataclass(frozen=True, slots=True)
class StoredState:
    """The tables: rows and distinct ids, events by name, contents by id, and the rejected."""

    counts: Mapping[str, tuple[int, int]]
    by_name: Mapping[str, Mapping[str, int]]
    contents: Mapping[str, tuple[str, str, int | None]]  # event_id -> event, user_id, `v` of its properties
    rejected: list[tuple[str, str, str, str]]  # event_id, status, code, detail


def read_stored(data_dir: Path) -> StoredState:
    """The tables of a service that does not run."""
    run = subprocess.run(
        [sys.executable, "-m", __name__, str(data_dir)], capture_output=True, check=False, timeout=PATIENCE_SECONDS, cwd=_root()
    )
    assert run.returncode == 0, run.stderr.decode()
    return _state(json.loads(run.stdout))


def read_server(url: str) -> StoredState:
    """The tables on a server."""
    warehouse = open_warehouse(url, Path())
    try:
        return _state(json.loads(json.dumps(_tables(warehouse))))
    finally:
        warehouse.close()


def _state(read: Mapping[str, Any]) -> StoredState:
    return StoredState(
        {table: (int(rows), int(ids)) for table, (rows, ids) in read["counts"].items()},
        {table: {name: int(rows) for name, rows in found} for table, found in read["by_name"].items()},
        {row[0]: (row[1], row[2], json.loads(row[3]).get("v")) for row in read["contents"]},
        [(row[0], row[1], row[2], row[3]) for row in read["rejected"]],
    )


def change_tables(data_dir: Path, *statements: str) -> None:
    """Run statements on the tables of a service that does not run; makes the tables if it never did."""
    run = subprocess.run(
        [sys.executable, "-m", __name__, str(data_dir), *statements],
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        cwd=_root(),
    )
    assert run.returncode == 0, run.stderr.decode()


def find_texts(data_dir: Path, *texts: str) -> dict[str, int]:
    """Rows of each table in which one of the texts stands, those behind a mask included, of a service that does not run."""
    command = [sys.executable, "-m", __name__, str(data_dir), _FIND, *texts]
    run = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_SECONDS, cwd=_root())
    assert run.returncode == 0, run.stderr.decode()
    return json.loads(run.stdout)


def _root() -> Path:
    return Path(__file__).parents[2]


def _tables(warehouse: Warehouse) -> dict[str, Any]:
    return {
        "counts": {table: warehouse.query(sql).rows[0] for table, sql in _COUNTS.items()},
        "by_name": {table: list(warehouse.query(sql).rows) for table, sql in _BY_NAME.items()},
        "contents": list(warehouse.query("SELECT event_id, event, user_id, properties FROM events ORDER BY received_at DESC").rows),
        "rejected": list(warehouse.query("SELECT event_id, status, code, detail FROM rejected_events FINAL").rows),
    }


def _main(data_dir: Path, statements: list[str]) -> None:
    warehouse = open_warehouse(None, data_dir / "clickhouse")
    try:
        if statements[:1] == [_FIND]:
            print(json.dumps(in_tables(warehouse, statements[1:])))
        elif statements:
            migrate_clickhouse(warehouse)
            for statement in statements:
                warehouse.execute(statement)
        else:
            print(json.dumps(_tables(warehouse)))
    finally:
        warehouse.close()


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2:])
