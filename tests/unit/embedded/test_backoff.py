"""How long a dead child waits for its next start."""

import pytest

from analytics.embedded import engines
from analytics.embedded.engines import HEALTHY_SECONDS, LONGEST_WAIT_SECONDS, Backoff


def waits(monkeypatch: pytest.MonkeyPatch, lives: list[float]) -> list[float]:
    """The waits before the starts that follow lives of these lengths."""
    now = 1000.0
    monkeypatch.setattr(engines.time, "monotonic", lambda: now)
    backoff = Backoff(started_at=now)
    found: list[float] = []
    for life in lives:
        now += life
        died = now
        while not backoff.may_start():
            now += 0.05
        found.append(round(now - died, 1))
        backoff.started()
    return found


def test_waits_double_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waits(monkeypatch, [0.0] * 9) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS]


def test_a_healthy_life_makes_the_next_wait_short_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waits(monkeypatch, [0.0, 0.0, 0.0, HEALTHY_SECONDS, 0.0]) == [0.1, 0.2, 0.4, 0.1, 0.2]
