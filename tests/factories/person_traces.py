"""Where a text stands: in the decoded content of every store, hidden rows and old parts included, and in files as they are."""

import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

from analytics.spool.chunk import RecordKind
from analytics.spool.schema import EVENT_SCHEMA, REFUSED_SCHEMA, from_payload
from analytics.spool.segment import START_OF_SEGMENT, Position, Record, read_records, segment_numbers, segment_path
from analytics.warehouse.client import Warehouse

_ROWS = "SELECT count() FROM {} WHERE arrayExists(t -> position(toString(tuple(*)), t) > 0, {{texts:Array(String)}})"
_TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"


def in_tables(warehouse: Warehouse, texts: Sequence[str]) -> dict[str, int]:
    """Rows of every ClickHouse table in which one of the texts stands in any column, rows behind a mask included."""
    return {table: _rows(warehouse, table, texts) for (table,) in warehouse.query(_TABLES).rows}


def in_old_parts(warehouse: Warehouse, texts: Sequence[str]) -> dict[str, int]:
    """The same of parts that are on the disk and not read any more: read all the same, from copies of them."""
    found: dict[str, int] = {}
    for (table,) in warehouse.query(_TABLES).rows:
        old = "SELECT name, path FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND NOT active"
        parts = warehouse.query(old, {"table": table}).rows
        copy = f"old_parts_of_{table}"
        warehouse.command(f"CREATE TABLE {copy} AS {table}")
        try:
            home = "SELECT data_paths[1] FROM system.tables WHERE database = currentDatabase() AND name = {copy:String}"
            detached = Path(warehouse.query(home, {"copy": copy}).rows[0][0]) / "detached"
            for number, (_, path) in enumerate(parts):
                name = f"{Path(path).name.partition('_')[0]}_{number + 1}_{number + 1}_0"
                try:
                    shutil.copytree(path, detached / name)
                except (FileNotFoundError, shutil.Error):  # the engine removed it meanwhile
                    shutil.rmtree(detached / name, ignore_errors=True)
                    continue
                warehouse.command(f"ALTER TABLE {copy} ATTACH PART '{name}'")
            found[table] = _rows(warehouse, copy, texts)
        finally:
            warehouse.command(f"DROP TABLE {copy} SYNC")
    return found


def in_postgres(url: str, texts: Sequence[str]) -> dict[str, int]:
    """Rows of every PostgreSQL table in which one of the texts stands in any column."""
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'").fetchall()
        found = {}
        for (name,) in names:
            question = sql.SQL(
                "SELECT count(*) FROM {} AS t WHERE EXISTS (SELECT FROM unnest(%s::text[]) x WHERE position(x IN t::text) > 0)"
            )
            row = connection.execute(question.format(sql.Identifier(name)), [list(texts)]).fetchone()
            assert row is not None
            found[name] = row[0]
    return found


def in_redis(url: str, texts: Sequence[str]) -> list[str]:
    """Keys in whose name or value one of the texts stands."""
    with redis.Redis.from_url(url) as client:
        return [repr(key) for key in client.scan_iter(count=1000) if _holds(repr((key, _value(client, key))), texts)]


def in_spool(folder: Path, texts: Sequence[str]) -> int:
    """Records of the spool, waiting or stored, in which one of the texts stands."""
    found = 0
    for number in segment_numbers(folder):
        try:
            records = list(read_records(segment_path(folder, number), Position(number, START_OF_SEGMENT)))
        except FileNotFoundError:  # stored meanwhile
            continue
        for record in records:
            if isinstance(record, Record):
                schema = EVENT_SCHEMA if record.header.kind is RecordKind.EVENTS else REFUSED_SCHEMA
                rows = from_payload(record.payload, schema).to_pylist()
                found += _holds(json.dumps(rows, default=str, ensure_ascii=False), texts)
    return found


def in_archives(folder: Path, texts: Sequence[str]) -> int:
    """Files in ZIPs in which one of the texts stands."""
    found = 0
    for path in folder.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            found += sum(_holds(archive.read(name).decode(), texts) for name in archive.namelist())
    return found


def in_files(folder: Path, texts: Sequence[str]) -> list[str]:
    """Files in which one of the texts stands as it is."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            if path.is_file() and any(text.encode() in path.read_bytes() for text in texts):
                found.append(path.relative_to(folder).as_posix())
        except FileNotFoundError:
            continue
    return found


def _rows(warehouse: Warehouse, table: str, texts: Sequence[str]) -> int:
    answer = warehouse.query(_ROWS.format(table), {"texts": list(texts)}, settings={"apply_deleted_mask": 0})
    return int(answer.rows[0][0])


def _value(client: Any, key: bytes) -> object:
    readers: Mapping[bytes, Any] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda name: client.zrange(name, 0, -1),
        b"list": lambda name: client.lrange(name, 0, -1),
        b"stream": client.xrange,
    }
    kind = client.type(key)
    return readers[kind](key) if kind in readers else None  # none: it went meanwhile


def _holds(text: str, texts: Sequence[str]) -> bool:
    return any(wanted in text for wanted in texts)
