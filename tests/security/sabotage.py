"""Ways to switch a single protection off."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from analytics import statements
from tests.isolation.world import World
from tests.security import proofs

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Sabotage:
    """`breaks` switches one thing off; `notices` must fail then."""

    breaks: Callable[[Patch, World], None]
    notices: proofs.Proof


def nothing(*_: object, **__: object) -> None:
    return None


def attribute(target: str, value: Any) -> Callable[[Patch, World], None]:
    return lambda patch, _: patch.setattr(target, value)


def statements_say(file: str, before: str, after: str) -> Callable[[Patch, World], None]:
    """The statements of one file of sql/postgres with other words in them."""

    def change(patch: Patch, world: World) -> None:
        found = statements.postgres(file)  # type: ignore[arg-type]
        changed = {name: replace(statement, sql=statement.sql.replace(before, after)) for name, statement in found.items()}
        assert changed != found
        for name, statement in changed.items():
            patch.setitem(found, name, statement)  # type: ignore[arg-type]

    return change
