"""The README lists what there is: every setting, every problem code, every route, every verdict."""

from pathlib import Path

import pytest

from analytics import errors
from analytics.api.problems import ROUTER_CODES, STATUS
from analytics.app import create_app
from analytics.cli.main import COMMANDS
from analytics.domain.verdict import Reason
from analytics.settings import PREFIX, Settings

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
# Codes that are never sent: they stop the start or are answered as `internal`.
_ABSTRACT = {"request", "store", "integrity", "start"}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_each_setting_is_in_the_readme(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in README


@pytest.mark.parametrize("code", sorted({kind.code for kind in STATUS if not issubclass(kind, errors.StartError)} | ROUTER_CODES))
def test_each_problem_code_is_in_the_readme(code: str) -> None:
    assert code in _ABSTRACT or f"`{code}`" in README


@pytest.mark.parametrize("reason", list(Reason))
def test_each_verdict_is_in_the_readme(reason: Reason) -> None:
    assert f"`{reason.value}`" in README


def test_each_route_is_in_the_readme() -> None:
    paths = create_app(Settings.model_validate({})).openapi()["paths"]
    routes = {f"`{method.upper()} {path}`" for path, methods in paths.items() for method in methods}
    assert len(routes) > 20
    assert {route for route in routes if route not in README} == set()


def test_each_command_is_in_the_readme() -> None:
    assert {name for name in COMMANDS if f"analytics {name}" not in README} == set()
