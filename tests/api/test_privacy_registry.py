"""Every place where data is kept is in the registry, as one that holds persons or as one that does not, with the reason."""

import asyncio
import re
from pathlib import Path

import pytest
import redis

import analytics
from analytics.privacy.registry import NOT_PERSONAL, PERSONAL
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
KNOWN = {*PERSONAL, *NOT_PERSONAL}
PACKAGE = Path(analytics.__file__).parent


def registered(kind: str) -> set[str]:
    return {name.partition(":")[2] for name in KNOWN if name.startswith(f"{kind}:")}


async def test_every_clickhouse_table_is_registered(api: Api) -> None:
    statement = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine != 'MaterializedView'"
    found = {name for (name,) in (await asyncio.to_thread(api.services.warehouse.query, statement)).rows}
    assert not {name for name in found if name.startswith("analyst_table_")}, "nobody made a rollup here"
    assert found | {"events_scratch", "fence_probe", "analyst_tables"} == registered("clickhouse")


async def test_every_postgres_table_is_registered(api: Api) -> None:
    async with api.services.metadata.database._pool.connection() as connection:
        rows = await connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        found = {row["table_name"] for row in await rows.fetchall()}
    assert found == registered("postgres")


def test_every_redis_prefix_in_the_code_is_registered() -> None:
    written = re.compile(r"""f?["']([a-z][a-z_]*):(?:\{|["'] *\.\.)""")
    found = {
        match
        for path in (PACKAGE / "cache").iterdir()
        if path.suffix in (".py", ".lua")
        for match in written.findall(path.read_text("utf-8"))
    }
    assert {"live", "ticket"} <= found
    assert found <= registered("redis")


async def test_every_redis_key_and_every_folder_of_a_running_service_is_registered(api: Api) -> None:
    assert api.settings.redis_url is not None
    with redis.Redis.from_url(api.settings.redis_url.get_secret_value(), decode_responses=True) as client:
        before = {str(key).partition(":")[0] for key in client.scan_iter(count=1000)}  # also of other tests
        project = await api.make_project()
        await send_events(api, project, [{"event": "x", "user_id": "u-1"}])
        await api.owner.post(f"/v1/projects/{project['slug']}/live/ticket")
        prefixes = {str(key).partition(":")[0] for key in client.scan_iter(count=1000)}
    assert "ticket" in prefixes
    assert prefixes - before <= registered("redis")
    assert {path.name for path in api.settings.data_dir.iterdir()} <= registered("folder")


def test_every_folder_that_the_code_makes_in_the_data_dir_is_registered() -> None:
    written = re.compile(r"""(?:data_dir|self\.path) / ["']([a-z_.]+)["']""")
    found = {match for path in PACKAGE.rglob("*.py") for match in written.findall(path.read_text("utf-8"))}
    assert {"spool", "clickhouse", "run"} <= found
    assert found <= registered("folder")


async def test_every_personal_store_has_something_that_finds_and_removes(api: Api) -> None:
    assert tuple(store.name for store in api.services.erasing._stores) == PERSONAL
    assert not set(PERSONAL) & set(NOT_PERSONAL)
    assert all(NOT_PERSONAL.values())
