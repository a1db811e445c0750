"""Guessing passwords is slow."""

from datetime import UTC, datetime

import pytest

from analytics.clock import FixedClock
from analytics.domain.sign_in_brake import (
    FORGOTTEN_SECONDS,
    FREE_TRIES,
    FREE_TRIES_OF_NAME,
    FREE_TRIES_OF_PLACE,
    LONGEST_WAIT_SECONDS,
    REMEMBERED,
    MemoryBrake,
    counters,
    network,
)
from analytics.errors import RateLimitedError

NAME, PLACE = "a@example.org", "192.0.2.1"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 22, 10, tzinfo=UTC))


@pytest.fixture
def brake(clock: FixedClock) -> MemoryBrake:
    return MemoryBrake(clock)


def attempt(brake: MemoryBrake, name: str = NAME, place: str = PLACE) -> int:
    """A try; the seconds it must wait, 0 if it may go on."""
    try:
        brake.attempt(counters("sign-in", name, place))
    except RateLimitedError as error:
        return error.retry_after_seconds
    return 0


def test_the_wait_doubles_after_the_free_tries_up_to_a_limit(brake: MemoryBrake, clock: FixedClock) -> None:
    assert [attempt(brake) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES
    waits: list[int] = []
    for _ in range(9):
        waits.append(attempt(brake))
        clock.advance(waits[-1])
        assert attempt(brake) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert max(waits) == LONGEST_WAIT_SECONDS


def test_a_refused_try_does_not_count(brake: MemoryBrake) -> None:
    for _ in range(FREE_TRIES):
        attempt(brake)
    assert [attempt(brake) for _ in range(50)] == [1] * 50


def test_a_stranger_elsewhere_does_not_make_a_name_wait_at_once(brake: MemoryBrake) -> None:
    for _ in range(FREE_TRIES):
        attempt(brake, "A@Example.org ")
    assert attempt(brake) > 0
    assert attempt(brake, name="b@example.org") == 0
    assert attempt(brake, place="192.0.2.2") == 0


def test_a_name_that_is_tried_from_everywhere_waits_everywhere(brake: MemoryBrake) -> None:
    for number in range(FREE_TRIES_OF_NAME):
        assert attempt(brake, place=f"192.0.2.{number}") == 0
    assert attempt(brake, place="198.51.100.1") == 1


def test_a_place_that_tries_many_names_waits_for_all(brake: MemoryBrake) -> None:
    for number in range(FREE_TRIES_OF_PLACE):
        assert attempt(brake, name=f"{number}@example.org") == 0
    assert attempt(brake, name="another@example.org") == 1


def test_a_success_forgives_the_name_but_not_what_else_the_place_tried(brake: MemoryBrake, clock: FixedClock) -> None:
    for _ in range(FREE_TRIES):
        attempt(brake)
    brake.succeeded(counters("sign-in", NAME, PLACE))
    assert attempt(brake) == 0
    for number in range(FREE_TRIES_OF_PLACE - FREE_TRIES):
        attempt(brake, name=f"{number}@example.org")
        brake.succeeded(counters("sign-in", f"{number}@example.org", PLACE))
    for number in range(FREE_TRIES_OF_PLACE - FREE_TRIES):
        assert attempt(brake, name=f"{number}@example.org") == 0
    assert attempt(brake, name="another@example.org") == 1


def test_tries_are_forgotten_after_a_while(brake: MemoryBrake, clock: FixedClock) -> None:
    for _ in range(FREE_TRIES):
        attempt(brake)
    clock.advance(FORGOTTEN_SECONDS)
    assert [attempt(brake) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES


def test_one_machine_is_one_place_though_it_has_many_addresses() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1") != network("192.0.2.2")
    assert network("unknown") == "unknown"


def test_what_is_remembered_is_bounded_and_holds_no_address(brake: MemoryBrake) -> None:
    for number in range(REMEMBERED // 2):
        attempt(brake, f"{number}@example.org", f"place {number}")
    assert len(brake._tries) == REMEMBERED
    assert not any("example" in key for key in brake._tries)


def test_ways_to_write_one_address_are_counted_together() -> None:
    """Whatever PostgreSQL takes for the same: it makes a plain i of a dotted capital one."""
    ways = (NAME + "i", f" {NAME}I ".upper(), NAME + "\u0130", NAME + "i\u0307")
    assert len({counters("sign-in", way, PLACE) for way in ways}) == 1
