"""Where the columns of a file go."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from analytics.errors import InvalidRequestError
from analytics.load.mapping import parse_map


def test_a_mapped_column_goes_to_its_field_and_the_rest_to_properties() -> None:
    fields = parse_map(["ts=timestamp", "uid=user_id", "url=page_url", "ua=context.user_agent", "x=properties.score"])

    event = fields.event_of(
        {"event": "quiz", "ts": "2026-11-22T10:00:00Z", "uid": "u-1", "url": "https://a/b", "ua": "M", "x": "0.5", "course": "c-1"},
        "id-1",
        True,
    )

    assert event == {
        "event": "quiz",
        "timestamp": "2026-11-22T10:00:00Z",
        "user_id": "u-1",
        "context": {"page": {"url": "https://a/b"}, "user_agent": "M"},
        "properties": {"score": 0.5, "course": "c-1"},
        "event_id": "id-1",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0.25", 0.25),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("007", "007"),
        ("+49", "+49"),
        ("1e400", "1e400"),
        ("12345678901234567890", "12345678901234567890"),
        ("9007199254740993", "9007199254740993"),
        ("1,5", "1,5"),
        ("nan", "nan"),
        (" 5", " 5"),
    ],
)
def test_text_becomes_a_number_only_where_nothing_is_lost(text: str, value: Any) -> None:
    got = parse_map([]).event_of({"p": text}, "i", True)["properties"]["p"]
    assert got == value
    assert type(got) is type(value)


def test_a_column_named_as_text_stays_text() -> None:
    assert parse_map([], text=["zip"]).event_of({"zip": "12345"}, "i", True)["properties"] == {"zip": "12345"}


def test_typed_values_are_not_guessed_again() -> None:
    assert parse_map([]).event_of({"code": "12"}, "i", False)["properties"] == {"code": "12"}


def test_empty_cells_are_absent() -> None:
    event = parse_map([]).event_of({"user_id": "", "score": "", "n": None, "f": float("nan")}, "i", True)
    assert event == {"event_id": "i"}


@pytest.mark.parametrize(("value", "text"), [(17, "17"), (17.0, "17"), ("17", "17"), (1.5, 1.5), (True, True)])
def test_whole_numbers_become_ids_and_other_things_stay_to_be_refused(value: Any, text: Any) -> None:
    assert parse_map([]).event_of({"user_id": value}, "i", False)["user_id"] == text


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("1763805600", 1763805600),
        ("1763805600.5", 1763805600.5),
        ("1763805600123", 1763805600123),
        ("2026-11-22 10:00:00", "2026-11-22T10:00:00"),
        ("2026-11-22 10:00:00 UTC", "2026-11-22T10:00:00Z"),
        ("2026-11-22 10:00:00.5 +01:00", "2026-11-22T10:00:00.5+01:00"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        (datetime(2026, 11, 22, 10), "2026-11-22T10:00:00Z"),  # noqa: DTZ001 - as Parquet gives it
        (datetime(2026, 11, 22, 10, tzinfo=UTC), "2026-11-22T10:00:00Z"),
        ("yesterday", "yesterday"),
    ],
)
def test_times_are_sent_as_the_service_reads_them(value: Any, sent: Any) -> None:
    assert parse_map(["at=timestamp"]).event_of({"at": value}, "i", True)["timestamp"] == sent


def test_typed_values_become_json() -> None:
    row = {
        "d": date(2026, 11, 22),
        "m": Decimal("1.50"),
        "n": Decimal(3),
        "l": [datetime(2026, 1, 1, tzinfo=UTC)],
        "o": {"a": float("inf")},
    }
    assert parse_map([]).event_of(row, "i", False)["properties"] == {
        "d": "2026-11-22",
        "m": 1.5,
        "n": 3,
        "l": ["2026-01-01T00:00:00Z"],
        "o": {"a": None},
    }


def test_a_column_of_properties_as_json_is_spread_out() -> None:
    event = parse_map(["props=properties"]).event_of({"props": '{"score": 1, "a": {"b": 2}}', "course": "c"}, "i", True)
    assert event["properties"] == {"score": 1, "a": {"b": 2}, "course": "c"}


def test_columns_can_be_left_out() -> None:
    assert parse_map(["secret=-"]).event_of({"secret": "x", "a": "b"}, "i", True)["properties"] == {"a": "b"}
    assert parse_map([], properties=["a"]).event_of({"b": "1", "a": "2"}, "i", True)["properties"] == {"a": 2}


def test_a_row_keeps_its_own_id_and_name() -> None:
    fields = parse_map(["key=event_id"], event="imported")
    assert fields.event_of({"key": "e-1", "event": "own"}, "made", True) == {"event_id": "e-1", "event": "own"}
    assert fields.event_of({"other": "x"}, "made", True) == {"properties": {"other": "x"}, "event": "imported", "event_id": "made"}


@pytest.mark.parametrize("pair", ["ts", "=timestamp", "ts=", "ts=tiemstamp", "ts=page.url"])
def test_a_wrong_mapping_is_named(pair: str) -> None:
    with pytest.raises(InvalidRequestError, match=pair.replace(".", r"\.")):
        parse_map([pair])
