"""Guessing passwords made slow: after a few failures each next try of the same name from the same place must wait, twice as long each time.

Kept in memory, per process: a guesser gains a handful of tries by a restart. Name and place together, so that nobody can lock another out.
"""

from collections import OrderedDict
from dataclasses import dataclass

from analytics.clock import Clock
from analytics.errors import RateLimitedError

FREE_FAILURES = 5
LONGEST_WAIT_SECONDS = 60
REMEMBERED = 10_000


@dataclass
class _Failures:
    count: int = 0
    until: float = 0.0


class SignInBrake:
    """For one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def check(self, name: str, place: str) -> None:
        """Raises RateLimitedError while this name must wait from this place."""
        known = self._failures.get(_key(name, place))
        if known is not None and (wait := known.until - self._now()) > 0:
            raise RateLimitedError("Too many failed sign-ins; wait a little.", max(1, round(wait)))

    def failed(self, name: str, place: str) -> None:
        """A try has failed."""
        key = _key(name, place)
        known = self._failures.setdefault(key, _Failures())
        self._failures.move_to_end(key)
        known.count += 1
        over = known.count - FREE_FAILURES
        if over >= 0:
            known.until = self._now() + min(2.0**over, LONGEST_WAIT_SECONDS)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, place: str) -> None:
        """A try was good: the failures before it are forgiven."""
        self._failures.pop(_key(name, place), None)

    def _now(self) -> float:
        return self._clock.now_ms() / 1000


def _key(name: str, place: str) -> tuple[str, str]:
    return name.casefold()[:300], place
