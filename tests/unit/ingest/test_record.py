"""Columns of a batch to a record of the spool."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from analytics.domain.event_id import hash_id
from analytics.domain.project import IpPolicy
from analytics.domain.verdict import Reason
from analytics.ingest.batch import EventBatch, make_batch
from analytics.ingest.decode import decode_body
from analytics.ingest.pipeline import door_steps
from analytics.ingest.record import event_payload
from analytics.spool.schema import EVENT_SCHEMA, from_payload
from tests.factories.projects import make_project

NOW = 1_795_348_800_000  # 2026-11-22T12:00:00Z


def batch_of(body: str, received_ms: int = NOW, **project: Any) -> EventBatch:
    events = decode_body(body.encode(), False, 10_000, 1_000_000).events
    batch = make_batch(make_project(**project), received_ms, events, [""] * len(events))
    for step in door_steps(None):
        step(batch)
    return batch


def rows_of(body: str, **options: Any) -> list[dict[str, Any]]:
    payload, count = event_payload(batch_of(body, **options))
    rows = from_payload(payload, EVENT_SCHEMA).to_pylist() if count else []
    assert len(rows) == count
    return rows


def test_a_row_holds_what_was_sent() -> None:
    body = """{"event":"lesson_completed","event_id":"e-1","user_id":"u-17","anonymous_id":"a-9","session_id":"s-1",
      "timestamp":"2026-11-22T11:00:00.123Z","properties":{"course_id": "c-101"},
      "context":{"ip":"203.0.113.9","user_agent":"Agent/1","page":{"url":"https://x.org/p","title":"P","referrer":"https://y.org"},
      "campaign":{"source":"s","medium":"m","name":"n","term":"t","content":"c"},"locale":"en-GB","timezone":"Europe/London","library":{"name":"js"}}}"""
    assert rows_of(body)[0] == {
        "event_id": "e-1",
        "id_hash": hash_id("e-1", 42)[0],
        "id_check": hash_id("e-1", 42)[1],
        "event": "lesson_completed",
        "timestamp": datetime(2026, 11, 22, 11, 0, 0, 123_000, UTC),
        "local_date": date(2026, 11, 22),
        "expires_on": 65_535,
        "user_id": "u-17",
        "anonymous_id": "a-9",
        "session_id": "s-1",
        "properties": '{"course_id": "c-101"}',
        "ip": "203.0.113.9",
        "country": None,
        "user_agent": "Agent/1",
        "page_url": "https://x.org/p",
        "page_title": "P",
        "referrer": "https://y.org",
        "campaign_source": "s",
        "campaign_medium": "m",
        "campaign_name": "n",
        "campaign_term": "t",
        "campaign_content": "c",
        "locale": "en-GB",
        "timezone": "Europe/London",
        "context_extra": '{"library":{"name":"js"}}',
    }


def test_refused_events_are_left_out_and_the_order_stays() -> None:
    users = ["null", '"u"', '"u"', "null", '"u"']
    events = [f'{{"event":"e{index}","user_id":{user}}}' for index, user in enumerate(users)]
    assert [row["event"] for row in rows_of(f"[{','.join(events)}]")] == ["e1", "e2", "e4"]
    assert rows_of('[{"event":"e"}]') == []


@pytest.mark.parametrize("far", ["1e18", "-1e18", "1e300", "-9223372036854775807", '"0001-01-01"', '"9999-12-31"'])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_refused_time_beyond_any_calendar_does_not_hurt_the_others(far: str, zone: str) -> None:
    body = f'[{{"event":"far","user_id":"u","timestamp":{far}}},{{"event":"near","user_id":"u"}}]'
    assert [row["event"] for row in rows_of(body, timezone=zone, retention_days=30)] == ["near"]


DAYS = [
    ("UTC", "2026-03-29T23:59:59.999Z", date(2026, 3, 29)),
    ("UTC", "2026-03-30T00:00:00Z", date(2026, 3, 30)),
    # Berlin: summer time began on 2026-03-29 and ended on 2026-10-25, each at 01:00 UTC.
    ("Europe/Berlin", "2026-03-28T22:59:59.999Z", date(2026, 3, 28)),
    ("Europe/Berlin", "2026-03-28T23:00:00Z", date(2026, 3, 29)),
    ("Europe/Berlin", "2026-03-29T21:59:59.999Z", date(2026, 3, 29)),
    ("Europe/Berlin", "2026-03-29T22:00:00Z", date(2026, 3, 30)),
    ("Europe/Berlin", "2026-10-24T21:59:59.999Z", date(2026, 10, 24)),
    ("Europe/Berlin", "2026-10-24T22:00:00Z", date(2026, 10, 25)),
    ("Europe/Berlin", "2026-10-25T22:59:59.999Z", date(2026, 10, 25)),
    ("Europe/Berlin", "2026-10-25T23:00:00Z", date(2026, 10, 26)),
    ("America/New_York", "2026-11-01T03:59:59Z", date(2026, 10, 31)),
    ("America/New_York", "2026-11-02T04:59:59Z", date(2026, 11, 1)),
    ("America/New_York", "2026-11-02T05:00:00Z", date(2026, 11, 2)),
    ("Asia/Kathmandu", "2026-11-21T18:14:59Z", date(2026, 11, 21)),  # +05:45
    ("Asia/Kathmandu", "2026-11-21T18:15:00Z", date(2026, 11, 22)),
    ("Pacific/Kiritimati", "2026-11-21T10:00:00Z", date(2026, 11, 22)),  # +14:00
    ("Pacific/Pago_Pago", "2026-11-22T10:59:59Z", date(2026, 11, 21)),  # -11:00
    ("America/Havana", "2026-03-08T04:59:59Z", date(2026, 3, 7)),  # there midnight itself is left out
    ("America/Havana", "2026-03-08T05:00:00Z", date(2026, 3, 8)),
    ("Pacific/Apia", "2011-12-30T09:59:59Z", date(2011, 12, 29)),  # the 30th was left out
    ("Pacific/Apia", "2011-12-30T10:00:00Z", date(2011, 12, 31)),
]


@pytest.mark.parametrize(("zone", "time", "day"), DAYS)
def test_the_local_date_is_the_day_in_the_zone_of_the_project(zone: str, time: str, day: date) -> None:
    assert rows_of(f'{{"event":"e","user_id":"u","timestamp":"{time}"}}', timezone=zone)[0]["local_date"] == day


@pytest.mark.parametrize(
    ("retention_days", "time", "first_day_without"),
    [
        (30, "2026-11-01T00:00:00Z", date(2026, 12, 2)),
        (30, "2026-11-01T23:59:59.999Z", date(2026, 12, 2)),
        (1, "2026-11-22T00:00:00Z", date(2026, 11, 24)),
        (36_500, "2026-11-22T00:00:00Z", date(2126, 10, 30)),
        (1_000_000, "2026-11-22T00:00:00Z", date(2149, 6, 6)),  # as far as the column goes
        (None, "2026-11-22T00:00:00Z", date(2149, 6, 6)),
    ],
)
def test_an_event_expires_on_the_first_day_after_its_retention(retention_days: int | None, time: str, first_day_without: date) -> None:
    row = rows_of(f'{{"event":"e","user_id":"u","timestamp":"{time}"}}', retention_days=retention_days)[0]
    assert row["expires_on"] == (first_day_without - date(1970, 1, 1)).days


def test_hashes_depend_on_the_secret_of_the_project() -> None:
    body = '{"event":"e","user_id":"u","event_id":"x"}'
    assert rows_of(body, id_seed=1)[0]["id_hash"] != rows_of(body, id_seed=2)[0]["id_hash"]


@pytest.mark.parametrize(("policy", "stored"), [(IpPolicy.CUT, "203.0.113.0"), (IpPolicy.DROP, "")])
def test_an_address_that_is_not_kept_is_in_no_byte_of_the_record(policy: IpPolicy, stored: str) -> None:
    body = '[{"event":"e","user_id":"u","context":{"ip":"203.0.113.9"}},{"event":"e","user_id":"u","context":{"ip":["203.0.113.9"],"x":1}}]'
    payload, _ = event_payload(batch_of(body, ip_policy=policy))
    assert b"203.0.113.9" not in payload
    assert from_payload(payload, EVENT_SCHEMA).column("ip").to_pylist() == [stored, ""]


def test_a_batch_of_only_refused_events_has_no_payload() -> None:
    batch = batch_of('[{"event":"e"}]')
    assert batch.refused[0][0] == Reason.MISSING_USER
    assert event_payload(batch) == (b"", 0)
