"""Cursors that are not ours, at every list there is: a wrong value of the request, and none is an error of the service or of a store."""

import base64
import json
from typing import Any

import pytest

from analytics.api.paging import decode_cursor_after, encode_cursor
from tests.factories.dashboards import dashboard, tile, trends
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
ONE = "SELECT 1 AS n"
HALF = "\ud800"  # of a surrogate pair: no UTF-8
NOW = "2026-01-01T00:00:00+00:00"
FORMS: dict[str, tuple[list[Any], ...]] = {
    "a time and an id": (
        ["0001-01-01T00:00:00+14:00", "x"],
        ["9999-12-31T23:59:59-14:00", "x"],
        ["0001-01-01T00:00:00Z", "x"],
        ["9999-12-31T23:59:59Z", "x"],
        ["2026-01-01T00:00:00", "x"],
        ["2026-01-01", "x"],
        ["yesterday", "x"],
        [NOW, HALF],
        [NOW, "x\0"],
    ),
    "a name": ([HALF], ["x\0"], [1], []),
    "a number": (["x"], [1.5], [True]),
    "a number and a text": ([1, HALF], [1, "x\0"], ["1", "x"]),
    "three numbers": ([10**30, 1, 1], [1, 10**30, 1], [1, 1, -1]),
}
EXTREMES: dict[str, tuple[list[Any], ...]] = {
    "a time and an id": (
        ["1971-01-01T00:00:00+00:00", ""],
        ["2104-12-31T23:59:59.999999+00:00", "x"],
        ["2026-01-01T00:00:00-14:00", "\uffff"],
    ),
    "a name": ([""], ["\U0010ffff"], ["x" * 1000]),
    "a number": ([10**30], [-(10**30)], [2**31], [2**63], [-1], [0]),
    "a number and a text": ([10**30, "x"], [-(10**30), "x"], [0, ""]),
    "three numbers": ([0, 0, 0], [1, 2**64 - 1, 2**64 - 1]),
}
BY_NAME = ("/projects", "/users", "/members", "/queries")
BY_NUMBER = ("/audit", "/versions", "/alerts/{alert_id}/history")
BY_NUMBER_AND_TEXT = ("/rejected-events", "/endpoints/{name}", "/endpoints/{name}.{format}")


def form_of(path: str) -> str:
    if path.endswith("/projects/{project}/events"):
        return "three numbers"
    for form, ends in (("a name", BY_NAME), ("a number", BY_NUMBER), ("a number and a text", BY_NUMBER_AND_TEXT)):
        if path.endswith(ends):
            return form
    return "a time and an id"


async def made(api: Api, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await api.owner.post(path, body)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture(scope="module")
async def lists(api: Api) -> dict[str, str]:
    """Every path that takes a cursor, by its pattern, in a project that has what the patterns name."""
    slug = (await api.make_project())["slug"]
    project = f"/v1/projects/{slug}"
    board = await made(api, f"{project}/dashboards", dashboard(tile("trends", trends())))
    question = {"kind": "sql", "sql": ONE}
    await made(api, f"{project}/queries", {"name": "one", "question": question})
    assert (await api.owner.put(f"{project}/queries/one/publication", {})).status_code == 200
    alert = await made(api, f"{project}/alerts", {"name": "One", "question": question, "condition": {"kind": "no_data"}})
    members = {"project": slug, "dashboard_id": board["id"], "alert_id": alert["id"], "name": "one", "format": "csv"}
    described = (await api.client.get("/openapi.json")).json()["paths"]
    return {
        pattern: pattern.format_map(members)
        for pattern, operations in described.items()
        if any(parameter["name"] == "cursor" for parameter in operations.get("get", {}).get("parameters", []))
    }


async def test_a_cursor_that_no_list_gave_is_a_wrong_value_at_every_list(api: Api, lists: dict[str, str]) -> None:
    found: dict[tuple[str, str], Any] = {}
    for pattern, path in lists.items():
        assert (await api.owner.get(path)).status_code == 200, pattern
        for key in FORMS[form_of(pattern)]:
            answer = await api.owner.get(path, params={"cursor": encode_cursor(key)})
            found[pattern, repr(key)] = answer.status_code, answer.json().get("code"), answer.json().get("errors", [{}])[0].get("pointer")
    assert len(lists) > 15
    assert {form_of(pattern) for pattern in lists} == set(FORMS)
    assert {place: answer for place, answer in found.items() if answer != (422, "invalid-request", "/query/cursor")} == {}


async def test_a_cursor_at_the_edge_of_what_can_be_is_no_error_of_the_service(api: Api, lists: dict[str, str]) -> None:
    found = {
        (pattern, repr(key)): (await api.owner.get(path, params={"cursor": encode_cursor(key)})).status_code
        for pattern, path in lists.items()
        for key in EXTREMES[form_of(pattern)]
    }
    stale = {place: status for place, status in found.items() if "/endpoints/" in place[0] and status == 409}  # a row that is not there
    assert {place: status for place, status in found.items() if place not in stale and status not in (200, 422)} == {}


def test_a_time_in_a_cursor_is_read_in_utc() -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(["2026-01-01T01:00:00.000001+01:00", "x"]).encode()).decode()
    assert decode_cursor_after(cursor) == ("2026-01-01T00:00:00.000001+00:00", "x")
