"""`POST /v1/events`: what a sender can rely on, to the letter."""

import base64
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import brotli
import httpx
import pytest

from analytics.ingest.body import zstd
from tests.factories.sent_events import until_stored
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
Project = dict[str, Any]

EVENT = {"event": "lesson_completed", "user_id": "u-1"}
JSON = "application/json"
NDJSON = "application/x-ndjson"


async def post(api: Api, project: Project | None, body: Any, content_type: str | None = JSON, **headers: str) -> httpx.Response:
    """Send a body as it is (text, bytes, an async iterator), anything else as JSON; a header's `_` is a `-`."""
    content = body if isinstance(body, str | bytes) or hasattr(body, "__aiter__") else json.dumps(body)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type is not None:
        sent["content-type"] = content_type
    if project is not None:
        sent.setdefault("x-write-key", project["write_key"])
    return await api.client.post("/v1/events", content=content, headers=sent)


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of an answer that must be this problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/problems/{code}")
    assert body["title"]
    assert body["detail"]
    return body


def verdict_of(answer: httpx.Response) -> dict[str, Any]:
    """The body of a 200, whose shape is checked."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    verdict = answer.json()
    assert list(verdict) == ["accepted", "rejected", "errors"]
    assert verdict["rejected"] == len(verdict["errors"])
    for error in verdict["errors"]:
        assert list(error) == ["index", "event_id", "code", "detail"]
        assert error["detail"]
    assert [error["index"] for error in verdict["errors"]] == sorted({error["index"] for error in verdict["errors"]})
    return verdict


def codes_of(answer: httpx.Response) -> dict[int, str]:
    return {error["index"]: error["code"] for error in verdict_of(answer)["errors"]}


async def stored(api: Api, project: Project) -> list[dict[str, Any]]:
    """What the project has, oldest first as far as receipts tell, numbers as their text."""
    await until_stored(api)
    answer = await api.owner.get(f"/v1/projects/{project['slug']}/events", params={"limit": 1000})
    assert answer.status_code == 200, answer.text
    return list(reversed(json.loads(answer.content, parse_int=str, parse_float=str)["items"]))


async def refused(api: Api, project: Project) -> list[dict[str, Any]]:
    await until_stored(api)
    answer = await api.owner.get(f"/v1/projects/{project['slug']}/rejected-events", params={"limit": 1000})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


# ---- verdicts ------------------------------------------------------------------------------------


async def test_every_form_of_body_is_taken(api: Api) -> None:
    project = await api.make_project()
    lines = "\n".join([json.dumps(EVENT)] * 2)
    for body, content_type, count in (
        (EVENT, JSON, 1),
        ([EVENT, EVENT], JSON, 2),
        ({"events": [EVENT, EVENT]}, JSON, 2),
        (lines, NDJSON, 2),
        (lines, "application/jsonl", 2),
        (lines, "application/ndjson; charset=UTF-8", 2),
        (EVENT, "application/json; charset=utf-8", 1),
        (EVENT, 'Application/JSON;charset="utf-8"', 1),
        ([EVENT], "text/plain;charset=UTF-8", 1),
        ([EVENT], None, 1),
    ):
        assert verdict_of(await post(api, project, body, content_type)) == {"accepted": count, "rejected": 0, "errors": []}
    assert len(await stored(api, project)) == 15


async def test_an_empty_list_is_taken_and_an_empty_body_is_not(api: Api) -> None:
    project = await api.make_project()
    for body in ([], {"events": []}, " [ ] "):
        assert verdict_of(await post(api, project, body)) == {"accepted": 0, "rejected": 0, "errors": []}
    for body, content_type in (("", JSON), (" \n", JSON), ("", NDJSON), ("\n\r\n \n", NDJSON), ("", None)):
        problem_of(await post(api, project, body, content_type), 400, "invalid-body")


async def test_the_index_counts_elements(api: Api) -> None:
    project = await api.make_project()
    events = [EVENT, 5, EVENT, {"event": "e", "event_id": "x-3"}, None, {**EVENT, "timestamp": "soon", "event_id": "x-5"}, EVENT]
    answer = await post(api, project, events)
    assert codes_of(answer) == {1: "not-an-object", 3: "missing-user", 4: "not-an-object", 5: "invalid-timestamp"}
    assert [error["event_id"] for error in answer.json()["errors"]] == [None, "x-3", None, "x-5"]
    assert answer.json()["accepted"] == 3


async def test_the_index_counts_lines_that_are_not_blank(api: Api) -> None:
    project = await api.make_project()
    line = json.dumps(EVENT)
    answer = await post(api, project, f"\n{line}\n\n  \n{{bad\r\n\r\n{line}\n[]\n", NDJSON)
    assert codes_of(answer) == {1: "invalid-json", 3: "not-an-object"}
    assert answer.json()["accepted"] == 2


async def test_a_broken_document_stores_nothing_and_a_broken_line_only_itself(api: Api) -> None:
    project = await api.make_project()
    line = json.dumps(EVENT)
    problem_of(await post(api, project, f"[{line},{line}"), 400, "invalid-body")
    assert (await stored(api, project), await refused(api, project)) == ([], [])
    assert verdict_of(await post(api, project, f"{line}\n{line[:-1]}", NDJSON))["accepted"] == 1
    assert (len(await stored(api, project)), len(await refused(api, project))) == (1, 1)


CODES: list[tuple[Any, str]] = [
    ([1], "not-an-object"),
    ({"user_id": "u"}, "missing-event"),
    ({"event": "", "user_id": "u"}, "invalid-event"),
    ({"event": "x" * 201, "user_id": "u"}, "invalid-event"),
    ({"event": 7, "user_id": "u"}, "invalid-event"),
    ({"event": "e"}, "missing-user"),
    ({"event": "e", "user_id": None, "anonymous_id": None}, "missing-user"),
    ({"event": "e", "user_id": ""}, "invalid-user"),
    ({"event": "e", "user_id": 17}, "invalid-user"),
    ({"event": "e", "anonymous_id": "x" * 201}, "invalid-user"),
    ({"event": "e", "user_id": "u", "event_id": ""}, "invalid-event-id"),
    ({"event": "e", "user_id": "u", "event_id": 17}, "invalid-event-id"),
    ({"event": "e", "user_id": "u", "event_id": "x" * 101}, "invalid-event-id"),
    ({"event": "e", "user_id": "u", "timestamp": "yesterday"}, "invalid-timestamp"),
    ({"event": "e", "user_id": "u", "timestamp": True}, "invalid-timestamp"),
    ({"event": "e", "user_id": "u", "sent_at": []}, "invalid-timestamp"),
    ({"event": "e", "user_id": "u", "timestamp": "2199-01-01T00:00:00Z"}, "timestamp-in-future"),
    ({"event": "e", "user_id": "u", "timestamp": 1e300}, "timestamp-in-future"),
    ({"event": "e", "user_id": "u", "timestamp": "1999-12-31T23:59:59.999Z"}, "timestamp-too-old"),
    ({"event": "e", "user_id": "u", "timestamp": 0}, "timestamp-too-old"),
    ({"event": "e", "user_id": "u", "properties": {"a": "x" * 32_768}}, "event-too-large"),
    ({"event": "e", "user_id": "u", "properties": {"a": json.loads("[" * 21 + "]" * 21)}}, "too-deep"),
    ({"event": "e", "user_id": "u", "properties": {f"p{index}": index for index in range(256)}}, "too-many-properties"),
    ({"event": "e", "user_id": "u", "properties": [1]}, "invalid-properties"),
    ({"event": "e", "user_id": "u", "context": "x"}, "invalid-properties"),
]


async def test_each_fault_has_its_code_and_is_listed_with_it(api: Api) -> None:
    project = await api.make_project()
    answer = await post(api, project, [event for event, _ in CODES])
    assert codes_of(answer) == {index: code for index, (_, code) in enumerate(CODES)}
    assert answer.json()["accepted"] == 0
    kept = await refused(api, project)
    assert sorted(item["code"] for item in kept) == sorted(code for _, code in CODES)
    bodies = {item["body"] for item in kept if item["code"] != "event-too-large"}
    assert {json.dumps(json.loads(body), sort_keys=True) for body in bodies} == {
        json.dumps(event, sort_keys=True) for event, code in CODES if code != "event-too-large"
    } - {json.dumps({"event": "e", "user_id": None, "anonymous_id": None}, sort_keys=True)}
    assert await stored(api, project) == []


async def test_a_refused_event_can_be_corrected_and_replayed(api: Api) -> None:
    project = await api.make_project()
    for event, code in CODES:
        if isinstance(event, dict):
            assert codes_of(await post(api, project, event)) == {0: code}
    for item in await refused(api, project):
        answer = await api.owner.post(
            f"/v1/projects/{project['slug']}/rejected-events/{item['id']}/replay", {"event": {"event": "corrected", "user_id": item["id"]}}
        )
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text
    kept = await refused(api, project)
    assert {item["status"] for item in kept} == {"replayed"}
    assert sorted(event["user_id"] for event in await stored(api, project)) == sorted(item["id"] for item in kept)


async def test_lengths_are_code_points(api: Api) -> None:
    project = await api.make_project()
    longest = {"event": "😀" * 200, "user_id": "é" * 200, "anonymous_id": "e\u0301" * 100, "event_id": "漢" * 100, "session_id": "s" * 200}
    assert verdict_of(await post(api, project, [longest]))["accepted"] == 1
    assert verdict_of(await post(api, project, json.dumps(longest, ensure_ascii=False)))["accepted"] == 1
    codes = {"event": "invalid-event", "user_id": "invalid-user", "anonymous_id": "invalid-user", "event_id": "invalid-event-id"}
    for name, code in codes.items():
        for escape in (True, False):
            body = json.dumps({**longest, name: longest[name] + "😀"}, ensure_ascii=escape)
            assert codes_of(await post(api, project, body)) == {0: code}
    assert [{name: event[name] for name in longest} for event in await stored(api, project)] == [longest]


async def test_unknown_members_are_ignored(api: Api) -> None:
    project = await api.make_project()
    odd = {
        **EVENT,
        "type": "track",
        "extra": '"}{',
        "$context_extra": {"a": 1},
        "received_at": "1999",
        "project_id": "other",
        "ip": "203.0.113.9",
    }
    assert verdict_of(await post(api, project, odd))["accepted"] == 1
    assert verdict_of(await post(api, project, {"events": [odd], "batch": True, "writeKey": "x"}))["accepted"] == 1
    for event in await stored(api, project):
        assert (event["event"], event["user_id"], event["properties"], event["context"]) == ("lesson_completed", "u-1", {}, {})


# ---- once ----------------------------------------------------------------------------------------


async def test_a_repeat_counts_as_accepted_and_the_first_content_stays(api: Api) -> None:
    project = await api.make_project()
    first = {**EVENT, "event_id": "e-1", "properties": {"v": 1}}
    later = {"event": "other", "anonymous_id": "a", "event_id": "e-1", "timestamp": "2020-01-01T00:00:00Z"}
    assert verdict_of(await post(api, project, [first, first, later])) == {"accepted": 3, "rejected": 0, "errors": []}
    assert verdict_of(await post(api, project, later))["accepted"] == 1
    await until_stored(api)
    assert verdict_of(await post(api, project, [later, later]))["accepted"] == 2
    (event,) = await stored(api, project)
    assert (event["event"], event["properties"]) == ("lesson_completed", {"v": "1"})


async def test_the_id_of_a_refused_event_is_not_seen(api: Api) -> None:
    project = await api.make_project()
    bad = {"event": "e", "event_id": "e-1"}
    assert codes_of(await post(api, project, [bad, {**bad, "user_id": "u"}])) == {0: "missing-user"}
    (event,) = await stored(api, project)
    assert (event["event_id"], event["user_id"]) == ("e-1", "u")
    assert codes_of(await post(api, project, {**EVENT, "event_id": "e-2", "timestamp": "soon"})) == {0: "invalid-timestamp"}
    assert verdict_of(await post(api, project, {**EVENT, "event_id": "e-2"}))["accepted"] == 1
    assert len(await stored(api, project)) == 2


async def test_equal_ids_of_two_projects_are_two_events(api: Api) -> None:
    first, second = await api.make_project(), await api.make_project()
    for project in (first, second):
        assert verdict_of(await post(api, project, {**EVENT, "event_id": "same"}))["accepted"] == 1
    assert [len(await stored(api, project)) for project in (first, second)] == [1, 1]


# ---- limits --------------------------------------------------------------------------------------


async def test_ten_thousand_events_are_taken_and_one_more_is_not(api: Api) -> None:
    project = await api.make_project()
    line = '{"event":"e","user_id":"u"}'
    for body, content_type in (
        ("[" + ",".join([line] * 10_001) + "]", JSON),
        ('{"events":[' + ",".join([line] * 10_001) + "]}", JSON),
        ("\n".join([line] * 10_001), NDJSON),
        ("[" + ",".join(["5"] * 10_001) + "]", JSON),
    ):
        problem_of(await post(api, project, body, content_type), 413, "payload-too-large")
    assert (await stored(api, project), await refused(api, project)) == ([], [])
    assert verdict_of(await post(api, project, "\n".join([line] * 10_000), NDJSON))["accepted"] == 10_000


async def chunks(total: int, size: int = 1_000_000) -> AsyncIterator[bytes]:
    for start in range(0, total, size):
        yield b" " * min(size, total - start)


async def test_twenty_megabytes_are_the_most_declared_or_not(api: Api) -> None:
    project = await api.make_project()
    most = 20_000_000
    padding = b" " * (most - len(json.dumps([EVENT])))
    assert verdict_of(await post(api, project, json.dumps([EVENT]).encode() + padding))["accepted"] == 1
    problem_of(await post(api, project, json.dumps([EVENT]).encode() + padding + b" "), 413, "payload-too-large")
    problem_of(await post(api, project, chunks(most + 1)), 413, "payload-too-large")
    assert len(await stored(api, project)) == 1


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("encoding", ENCODERS)
async def test_compressed_bodies_are_taken_up_to_twenty_megabytes_of_content(api: Api, encoding: str) -> None:
    project = await api.make_project()
    encode = ENCODERS[encoding]
    body = json.dumps([EVENT, 5]).encode()
    assert codes_of(await post(api, project, encode(body), content_encoding=encoding)) == {1: "not-an-object"}
    bomb = (lambda data: brotli.compress(data, quality=1))(b" " * 20_000_001) if encoding == "br" else encode(b" " * 20_000_001)
    problem_of(await post(api, project, bomb, content_encoding=encoding), 413, "payload-too-large")
    problem_of(await post(api, project, encode(body)[:-3], content_encoding=encoding), 400, "invalid-body")
    problem_of(await post(api, project, body, content_encoding=encoding), 400, "invalid-body")
    assert (len(await stored(api, project)), len(await refused(api, project))) == (1, 1)


async def test_an_event_over_its_own_limit_is_a_verdict_and_the_limit_is_the_projects(api: Api) -> None:
    def event(size: int) -> str:
        return json.dumps({**EVENT, "properties": {"a": "x" * size}}, separators=(",", ":"))

    bare = len(event(0))
    usual, large = await api.make_project(), await api.make_project(event_max_bytes=1_000_000)
    for project, most in ((usual, 32_768), (large, 1_000_000)):
        answer = await post(api, project, f"[{event(most - bare)},{event(most - bare + 1)},{event(5)}]")
        assert codes_of(answer) == {1: "event-too-large"}
        assert answer.json()["accepted"] == 2
        (kept,) = await refused(api, project)
        assert (kept["body_bytes"], len(kept["body"])) == (most + 1, min(most + 1, 65_536))
    assert [len(event["properties"]["a"]) for event in await stored(api, large)] in ([1_000_000 - bare, 5], [5, 1_000_000 - bare])


async def test_a_project_may_refuse_old_events(api: Api) -> None:
    project = await api.make_project(event_max_age_days=1)
    old = datetime.fromtimestamp(datetime.now(UTC).timestamp() - 90_000, UTC).isoformat()
    assert codes_of(await post(api, project, [{**EVENT, "timestamp": old}, EVENT])) == {0: "timestamp-too-old"}


# ---- who -----------------------------------------------------------------------------------------


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def test_a_write_key_is_taken_in_four_places(api: Api) -> None:
    project = await api.make_project()
    key = project["write_key"]
    for headers in (
        {"authorization": f"Bearer {key}"},
        {"authorization": f"bearer   {key}"},
        {"authorization": basic(f"{key}:")},
        {"authorization": basic(f"{key}:any")},
        {"authorization": basic(key)},
        {"authorization": "Digest x", "x_write_key": key},
        {"x_write_key": f" {key} "},
    ):
        assert verdict_of(await post(api, None, [EVENT], **headers))["accepted"] == 1, headers
    for query in (f"?key={key}", "?" + "a=b&" * 200 + f"key={key}", f"?key=%77{key[1:]}"):
        answer = await api.client.post(f"/v1/events{query}", json=[EVENT])
        assert verdict_of(answer)["accepted"] == 1, query
    assert len(await stored(api, project)) == 10


async def test_without_a_good_write_key_nothing_is_taken(api: Api) -> None:
    project = await api.make_project()
    key = project["write_key"]
    token = (await api.owner.post(f"/v1/projects/{project['slug']}/tokens", {"name": "t", "scopes": ["manage"]})).json()["token"]
    for headers in (
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {key}x"},
        {"authorization": f"Bearer {key[:-1]}"},
        {"authorization": f"Bearer {key.upper()}"},
        {"authorization": key},
        {"authorization": "Basic"},
        {"authorization": f"Basic {key}"},
        {"authorization": "Basic ====", "x_write_key": key},
        {"authorization": basic(f":{key}")},
        {"authorization": f"Bearer {token}"},
        {"authorization": api.owner.headers["authorization"]},
        {"x_write_key": ""},
        {"x_write_key": f"{key} {key}"},
    ):
        body = problem_of(await post(api, None, [EVENT], **headers), 401, "unauthenticated")
        assert key not in body["detail"]
    for query in ("?key=", f"?Key={key}", f"?key={key}&key=x", f"?monkey={key}", "?key=%ff"):
        problem_of(await api.client.post(f"/v1/events{query}", json=[EVENT]), 401, "unauthenticated")
    assert await stored(api, project) == []


@pytest.mark.parametrize("name", ["x-write-key", "content-type", "authorization"])
async def test_a_header_of_one_value_that_comes_twice_is_refused(api: Api, name: str) -> None:
    project = await api.make_project()
    sent = [("x-write-key", project["write_key"]), ("content-type", JSON), (name, JSON if name == "content-type" else "Bearer x")]
    if name == "authorization":
        sent.append((name, "Bearer y"))
    problem_of(await api.client.post("/v1/events", content=b"[]", headers=sent), 400, "invalid-body")
    assert await stored(api, project) == []


async def test_encodings_in_two_lines_count_as_one_list(api: Api) -> None:
    project = await api.make_project()
    sent = [("x-write-key", project["write_key"]), ("content-type", JSON), ("content-encoding", "gzip"), ("content-encoding", "gzip")]
    body = gzip.compress(gzip.compress(json.dumps([EVENT]).encode()))
    assert verdict_of(await api.client.post("/v1/events", content=body, headers=sent))["accepted"] == 1


async def test_a_number_that_no_float_holds_is_refused_and_hides_nothing(api: Api) -> None:
    project = await api.make_project()
    head = b'{"event":"e","user_id":"u","properties":{"kind":"a","n":'
    tall = (b"1e400", b"-1.8E+308", b"1" * 300 + b"e99", b"[1, 2e999]", b"1" * 400 + b".5", b'{"m" : 1e309 }')
    fine = (b"1e308", b"1.5e-7", b"0e999", b'"1e400"', b"9" * 30, b'"e"', b"1e-400")
    body = b"[" + b",".join(head + number + b"}}" for number in (*tall, *fine)) + b"]"
    verdict = verdict_of(await post(api, project, body))
    assert [error["index"] for error in verdict["errors"]] == list(range(len(tall)))
    assert {error["code"] for error in verdict["errors"]} == {"invalid-properties"}
    assert len(await stored(api, project)) == len(fine)
    context = b'[{"event":"e","user_id":"u","context":{"app":{"v":1e400}}}]'
    assert verdict_of(await post(api, project, context))["errors"][0]["code"] == "invalid-properties"


async def test_a_revoked_key_is_not_taken_and_a_new_one_is(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/keys"
    made = (await api.owner.post(path, {"name": "second"})).json()
    assert verdict_of(await post(api, None, [EVENT], x_write_key=made["key"]))["accepted"] == 1
    assert (await api.owner.delete(f"{path}/{made['id']}")).status_code == 204
    problem_of(await post(api, None, [EVENT], x_write_key=made["key"]), 401, "unauthenticated")
    assert verdict_of(await post(api, project, [EVENT]))["accepted"] == 1


async def test_the_key_is_asked_for_before_the_body_is_read(api: Api) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    problem_of(await post(api, None, body()), 401, "unauthenticated")


# ---- browsers ------------------------------------------------------------------------------------


async def test_a_preflight_is_answered_without_a_key(api: Api) -> None:
    asked = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    answer = await api.client.options("/v1/events?key=x", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "content-encoding", "x-write-key"} <= set(allowed)


async def test_every_answer_may_be_read_by_a_page_of_any_site(api: Api) -> None:
    project = await api.make_project()
    for answer in (
        await post(api, project, [EVENT], origin="https://shop.example"),
        await post(api, project, "[", origin="https://shop.example"),
        await post(api, None, [EVENT], origin="https://shop.example"),
        await api.client.get("/v1/events", headers={"origin": "https://shop.example"}),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "retry-after" in answer.headers["access-control-expose-headers"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"]


async def test_a_beacon_is_taken(api: Api) -> None:
    project = await api.make_project()
    answer = await api.client.post(
        f"/v1/events?key={project['write_key']}",
        content=json.dumps({"events": [EVENT]}),
        headers={"content-type": "text/plain;charset=UTF-8", "origin": "https://shop.example", "user-agent": "Browser/1"},
    )
    assert verdict_of(answer)["accepted"] == 1
    (event,) = await stored(api, project)
    assert event["context"] == {"ip": api.address, "user_agent": "Browser/1"}


async def test_address_and_agent_are_taken_of_browsers_only_and_only_where_the_event_has_none(api: Api) -> None:
    project = await api.make_project()
    own = {**EVENT, "context": {"ip": "198.51.100.7", "user_agent": "Own/1"}}
    await post(api, project, own, origin="https://shop.example", user_agent="Browser/1")
    await post(api, project, EVENT, user_agent="Server/1")
    assert [event["context"] for event in await stored(api, project)] == [own["context"], {}]


@pytest.mark.parametrize(("policy", "address"), [("keep", "198.51.100.7"), ("cut", "198.51.100.0"), ("drop", None)])
async def test_addresses_are_kept_cut_or_dropped_as_the_project_says(api: Api, policy: str, address: str | None) -> None:
    project = await api.make_project(ip_policy=policy)
    events = [{**EVENT, "context": {"ip": ip, "own": 1}} for ip in ("198.51.100.7", ["198.51.100.7"], "fe80::1%198.51.100.7")]
    assert verdict_of(await post(api, project, [*events, {"event": "e", "context": {"ip": "198.51.100.7"}}]))["accepted"] == 3
    kept = await stored(api, project)
    assert kept[0]["context"].get("ip") == address or address in {event["context"].get("ip") for event in kept}
    text = json.dumps([kept, await refused(api, project)])
    assert ("198.51.100.7" in text) == (policy == "keep")


# ---- methods, types, encodings -------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "NONSENSE"])
async def test_other_methods_are_not_allowed(api: Api, method: str) -> None:
    answer = await api.client.request(method, "/v1/events")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST, OPTIONS"
    if method != "HEAD":
        problem_of(answer, 405, "method-not-allowed")


@pytest.mark.parametrize(
    "content_type",
    ["application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/vnd.api+json", "x",
     "application/json; charset=utf-16", "application/json; charset=latin-1", "application/x-ndjson; charset=utf-16"],
)  # fmt: skip
async def test_other_types_are_unsupported(api: Api, content_type: str) -> None:
    project = await api.make_project()
    problem_of(await post(api, project, [EVENT], content_type), 415, "unsupported-encoding")


@pytest.mark.parametrize("encoding", ["compress", "lzma", "gzip, x", "gzip;q=1", "utf-8", "gzip,gzip,gzip,gzip,gzip"])
async def test_other_encodings_are_unsupported(api: Api, encoding: str) -> None:
    project = await api.make_project()
    problem_of(
        await post(api, project, gzip.compress(json.dumps([EVENT]).encode()), content_encoding=encoding), 415, "unsupported-encoding"
    )
    assert await stored(api, project) == []


async def test_encodings_are_undone_in_turn(api: Api) -> None:
    project = await api.make_project()
    body = gzip.compress(brotli.compress(json.dumps([EVENT]).encode()))
    assert verdict_of(await post(api, project, body, content_encoding="br, gzip"))["accepted"] == 1
    assert verdict_of(await post(api, project, [EVENT], content_encoding="identity"))["accepted"] == 1


async def test_an_answer_carries_the_callers_request_id(api: Api) -> None:
    project = await api.make_project()
    assert (await post(api, project, [EVENT], x_request_id="mine-1")).headers["x-request-id"] == "mine-1"
    assert (await post(api, project, "[", x_request_id="a b")).headers["x-request-id"] != "a b"


# ---- contents ------------------------------------------------------------------------------------

CONTENTS = [
    '{"a":"é😀\\u0000\\u2028\\ud83d\\ude00\\/\\"\\\\"}',
    '{"big":1180591620717411303424,"huge":1e300,"tiny":1e-400,"negative":-0.0,"exponent":1E+5,"digits":0.1000000000000000055511151231257827}',
    '{"digits":' + "7" * 300 + "}",
    '{"twice":1,"twice":"two","":{"":[]},"\\u0061":1,"a":2}',
    '{"a":' * 19 + "{}" + "}" * 19,
    '{"a":' + "[" * 19 + "]" * 19 + "}",
    '{"nul\\u0000key":true,"line\\nkey":null,"é":[1,2.50,"x",{}]}',
    '{"a":[' + ",".join(["1"] * 5_000) + "]}",
    '{"properties":{"event":"x"},"event":"y","user_id":["z"],"context":5}',
    "{" + ",".join(f'"property {index}":{index}' for index in range(255)) + "}",
    '{"sql":"\'; DROP TABLE events; --","html":"<script>","csv":"=1+1","format":"%s{}{{","tab":"\\t"}',
]


def in_order(pairs: Iterable[tuple[str, Any]]) -> list[Any]:
    return ["object", *pairs]


def exactly(text: str | bytes) -> Any:
    """JSON with the order and the repeats of its members, and numbers as they were written."""
    return json.loads(text, object_pairs_hook=in_order, parse_int=str, parse_float=str)


@pytest.mark.parametrize("place", ["properties", "context"])
async def test_contents_come_back_as_they_were_sent(api: Api, place: str) -> None:
    project = await api.make_project()
    texts = (
        CONTENTS if place == "properties" else [f'{{"own":{text}}}' for text in CONTENTS if "}" * 19 not in text and "]" * 19 not in text]
    )
    events = [f'{{"event":"e","user_id":"u","event_id":"{index}","{place}":{text}}}' for index, text in enumerate(texts)]
    assert verdict_of(await post(api, project, f"[{','.join(events)}]"))["accepted"] == len(events)
    await until_stored(api)
    answer = await api.owner.get(f"/v1/projects/{project['slug']}/events")
    items = {dict(item[1:])["event_id"]: dict(item[1:])[place] for item in dict(exactly(answer.content)[1:])["items"]}
    assert items == {str(index): exactly(text) for index, text in enumerate(texts)}


async def test_ids_and_names_come_back_as_they_were_sent(api: Api) -> None:
    project = await api.make_project()
    odd = [
        "é😀",
        "a\u0000b",
        " lead and trail ",
        "line\nbreak",
        "'; DROP TABLE events; --",
        "%s",
        "{}",
        "\\",
        '"',
        "NULL",
        "0",
        "\u202e",
        "\ufeff",
        "=",
    ]
    events = [{"event": text, "user_id": text, "anonymous_id": text, "event_id": text, "session_id": text} for text in odd]
    assert verdict_of(await post(api, project, events))["accepted"] == len(events)
    names = ("event", "user_id", "anonymous_id", "event_id", "session_id")
    found = {event["event_id"]: {name: event[name] for name in names} for event in await stored(api, project)}
    assert found == {event["event_id"]: event for event in events}


async def test_times_are_stored_to_the_millisecond_in_utc(api: Api) -> None:
    project = await api.make_project()
    times = {
        "2026-11-20T10:00:00.1239Z": "2026-11-20T10:00:00.123Z",
        "2026-11-20T10:00:00+02:00": "2026-11-20T08:00:00.000Z",
        "2026-11-20 10:00:00": "2026-11-20T10:00:00.000Z",
        "2026-11-20": "2026-11-20T00:00:00.000Z",
        "2000-01-01T00:00:00Z": "2000-01-01T00:00:00.000Z",
    }
    numbers = {
        1_795_348_800: "2026-11-22T12:00:00.000Z",
        1_795_348_800.25: "2026-11-22T12:00:00.250Z",
        1_795_348_800_123: "2026-11-22T12:00:00.123Z",
    }
    sent = [{**EVENT, "timestamp": time, "event_id": str(time)} for time in (*times, *numbers)]
    assert verdict_of(await post(api, project, sent))["accepted"] == len(sent)
    assert {event["event_id"]: event["timestamp"] for event in await stored(api, project)} == {
        **times,
        **{str(number): time for number, time in numbers.items()},
    }


async def test_a_wrong_clock_is_corrected_by_sent_at_of_event_or_envelope(api: Api) -> None:
    project = await api.make_project()
    now = datetime.now(UTC).timestamp()
    wrong = now - 365 * 86_400
    events = [
        {**EVENT, "event_id": "own", "timestamp": wrong - 60, "sent_at": wrong},
        {**EVENT, "event_id": "envelope", "timestamp": wrong - 60},
        {**EVENT, "event_id": "near", "timestamp": now - 60, "sent_at": now - 240},
    ]
    assert verdict_of(await post(api, project, {"events": events, "sent_at": wrong}))["accepted"] == 3
    found = {event["event_id"]: datetime.fromisoformat(event["timestamp"]).timestamp() for event in await stored(api, project)}
    for event_id in ("own", "envelope", "near"):
        assert abs(found[event_id] - (now - 60)) < 30
    assert abs(found["near"] - (now - 60)) < 0.01


async def test_halves_of_characters_are_replaced_in_contents_and_refused_in_ids(api: Api) -> None:
    project = await api.make_project()
    good = r'{"event":"e","user_id":"u","event_id":"x","properties":{"cut":"\ud83d"},"context":{"page":{"title":"\ude00"}}}'
    bad = r'{"event":"e","user_id":"\ud83d"}'
    assert codes_of(await post(api, project, f"[{good},{bad}]")) == {1: "invalid-user"}
    (event,) = await stored(api, project)
    assert (event["properties"], event["context"]) == ({"cut": "\ufffd"}, {"page": {"title": "\ufffd"}})
