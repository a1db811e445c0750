"""Guessing passwords is slow."""

from datetime import UTC, datetime

import pytest

from analytics.clock import FixedClock
from analytics.domain.sign_in_brake import FREE_FAILURES, LONGEST_WAIT_SECONDS, REMEMBERED, SignInBrake
from analytics.errors import RateLimitedError


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 22, 10, tzinfo=UTC))


@pytest.fixture
def brake(clock: FixedClock) -> SignInBrake:
    return SignInBrake(clock)


def wait_of(brake: SignInBrake, name: str = "a@example.org", place: str = "192.0.2.1") -> int:
    try:
        brake.check(name, place)
    except RateLimitedError as error:
        return error.retry_after_seconds
    return 0


def test_the_wait_doubles_after_the_free_tries_up_to_a_limit(brake: SignInBrake, clock: FixedClock) -> None:
    waits: list[int] = []
    for _ in range(FREE_FAILURES + 8):
        brake.failed("a@example.org", "192.0.2.1")
        waits.append(wait_of(brake))
        clock.advance(LONGEST_WAIT_SECONDS)
    assert waits == [0] * (FREE_FAILURES - 1) + [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_wait_is_for_one_name_from_one_place_whatever_its_case(brake: SignInBrake) -> None:
    for _ in range(FREE_FAILURES):
        brake.failed("A@Example.org", "192.0.2.1")
    assert wait_of(brake) > 0
    assert wait_of(brake, name="b@example.org") == 0
    assert wait_of(brake, place="192.0.2.2") == 0


def test_a_success_forgives(brake: SignInBrake) -> None:
    for _ in range(FREE_FAILURES):
        brake.failed("a@example.org", "192.0.2.1")
    brake.succeeded("a@example.org", "192.0.2.1")
    assert wait_of(brake) == 0


def test_what_is_remembered_is_bounded(brake: SignInBrake) -> None:
    for number in range(REMEMBERED + 5):
        brake.failed(f"{number}@example.org", "192.0.2.1")
    assert len(brake._failures) == REMEMBERED
