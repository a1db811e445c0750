"""Refused events are kept with their reason, and without addresses where the project keeps none."""

import json
from typing import Any

import pytest

from analytics.domain.project import IpPolicy
from analytics.domain.verdict import Reason, Refusal
from analytics.ingest.refused import KEPT_BYTES, refused_payload
from analytics.spool.schema import REFUSED_SCHEMA, from_payload
from tests.factories.projects import make_project

ADDRESS = "203.0.113.9"


def kept(*bodies: bytes, **project: Any) -> list[dict[str, Any]]:
    refusals = [Refusal(index, f"id-{index}", Reason.INVALID_EVENT, "A detail.", body) for index, body in enumerate(bodies)]
    return from_payload(refused_payload(make_project(**project), refusals), REFUSED_SCHEMA).to_pylist()


def test_a_refused_event_is_kept_with_its_reason() -> None:
    rows = kept(b'{ "event" : 5 }', b"nonsense")
    assert [row["body"] for row in rows] == ['{ "event" : 5 }', "nonsense"]
    assert rows[0]["id"] != rows[1]["id"]
    assert {name: rows[1][name] for name in ("status", "code", "detail", "event_id", "body_bytes")} == {
        "status": "refused", "code": "invalid-event", "detail": "A detail.", "event_id": "id-1", "body_bytes": 8,
    }  # fmt: skip


def test_a_long_body_and_a_long_detail_are_cut() -> None:
    refusal = Refusal(0, None, Reason.EVENT_TOO_LARGE, "d" * 5_000, b"x" * 100_000)
    row = from_payload(refused_payload(make_project(), [refusal]), REFUSED_SCHEMA).to_pylist()[0]
    assert (len(row["body"]), row["body_bytes"], len(row["detail"]), row["event_id"]) == (KEPT_BYTES, 100_000, 1000, "")


def test_bytes_that_are_no_text_are_kept_as_far_as_they_are() -> None:
    assert kept(b'{"event":"\xff\xc3"}')[0]["body"] == '{"event":"\ufffd\ufffd"}'


BODIES = [
    b'{"event":5,"context":{"ip":"203.0.113.9","locale":"en"}}',
    b'{"event":5,"context":{"\\u0069p":"203.0.113.9"}}',
    b'{"event":5,"context":{"ip":["203.0.113.9"]}}',
    b'{"event":5,"context":{"ip":"x","ip":"203.0.113.9"}}',
    b'{"event":5,"context":{"ip":"203.0.113.9"},"context":{"ip":"203.0.113.9"}}',
    b'{"event":5,"context":"203.0.113.9"}',
    b'{"event":5,"context":["203.0.113.9"]}',
    b'{"event":5,"ip":"203.0.113.9"}',
    b'{"event":5,"context":{"ip":"203.0.113.9"}',
    b'{"event":5,"context":{"ip":"203.0.113.9"}} trailing',
    b'{"event":5,"context":{"ip":"203.0.113.9","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
    b'{"event":"\xff","context":{"\xff":1,"ip":"203.0.113.9"}}',
    b'{"event":5,"properties":{"a":"' + b"x" * 100_000 + b'"},"context":{"ip":"203.0.113.9"}}',
    b'["203.0.113.9"]',
    b'"203.0.113.9"',
    b"203.0.113.9",
]


@pytest.mark.parametrize("policy", [IpPolicy.CUT, IpPolicy.DROP])
def test_no_address_is_kept_with_a_refused_event_of_a_project_that_keeps_none(policy: IpPolicy) -> None:
    for row in kept(*BODIES, ip_policy=policy):
        assert ADDRESS not in row["body"]
        assert row["body"]
    assert json.loads(kept(BODIES[0], ip_policy=policy)[0]["body"]) == {"event": 5, "context": {"locale": "en"}}


def test_an_address_is_kept_with_a_refused_event_of_a_project_that_keeps_addresses() -> None:
    assert [row["body"] for row in kept(*BODIES[:3])] == [body.decode() for body in BODIES[:3]]
