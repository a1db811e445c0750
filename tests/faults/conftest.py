"""Services to be killed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Group
from tests.fixtures.engines import copy_clickhouse


@pytest.fixture
def make_group(
    tmp_path: Path, make_postgres_url: Callable[[], str], redis_url: str, clickhouse_template: Path
) -> Iterator[Callable[..., Group]]:
    """Makes groups that are not started yet, each on a data dir and a PostgreSQL database of its own, both with all migrations run.

    PostgreSQL and Valkey are those of the tests, so that a group is one supervisor and one worker; settings that name others win.
    """
    made: list[Group] = []

    def make(**settings: str) -> Group:
        stores = {"redis_url": redis_url} if settings.get("redis_url") is None else {}
        if "postgres_url" not in settings:
            stores["postgres_url"] = make_postgres_url()
        group = Group(tmp_path / f"group-{len(made)}", **{**stores, **settings})
        if "clickhouse_url" not in settings:
            copy_clickhouse(clickhouse_template, group.data_dir / "clickhouse")
        made.append(group)
        return group

    yield make
    for group in made:
        group.clean_up()


@pytest.fixture
def group(make_group: Callable[..., Group]) -> Group:
    """One, started."""
    return make_group().start()
