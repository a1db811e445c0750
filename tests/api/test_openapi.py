"""What the service says of itself in /openapi.json."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


async def test_every_operation_says_how_problems_look_and_nothing_points_nowhere(api: Api) -> None:
    described = (await api.client.get("/openapi.json")).json()
    assert {"/v1/events", "/v1/projects/{project}/keys/{key_id}"} <= set(described["paths"])
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            refused = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
            assert "503" in refused, (method, path)
            for status, answer in refused.items():
                is_other = path == "/readyz" or (path == "/clickhouse" and "text/plain" in answer["content"])
                assert is_other or list(answer["content"]) == ["application/problem+json"], (method, path, status)
            if operation.get("security") and path != "/v1/events":
                assert {"401", "403", "429"} <= set(refused), (method, path)
    for reference in references(described):
        place = described
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


async def test_requests_are_counted_by_method_and_status(api: Api) -> None:
    async def count(method: str, status: str) -> float:
        return api.services.metrics.http_requests.labels(method, status)._value.get()

    before = await count("GET", "4xx"), await count("other", "4xx")
    await api.client.get("/nowhere")
    await api.client.request("BREW", "/nowhere")
    assert (await count("GET", "4xx"), await count("other", "4xx")) == (before[0] + 1, before[1] + 1)
