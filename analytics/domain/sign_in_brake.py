"""Guessing made slow: after some free tries each next one must wait, twice as long each time, up to a minute.

Counted three ways: a name from a place (few are free), a name from anywhere and a place for any name (more are, so that a school behind one
address can sign in, and nobody is locked out by a stranger's handful of tries). The one thing to know: a try is counted before it is
checked and uncounted if it was good, so that many at once gain nothing; and whether the name exists plays no part.
"""

import hashlib
import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from analytics.clock import Clock
from analytics.errors import RateLimitedError

FREE_TRIES = 5
FREE_TRIES_OF_NAME = 20
FREE_TRIES_OF_PLACE = 50
LONGEST_WAIT_SECONDS = 60
FORGOTTEN_SECONDS = 900
REMEMBERED = 30_000


@dataclass(frozen=True, slots=True)
class Counter:
    """One thing that is counted: `free` tries of it need not wait. `forgiven`: a good try wipes it out (else takes itself back)."""

    key: str
    free: int
    forgiven: bool


def counters(what: str, name: str, place: str) -> tuple[Counter, Counter, Counter]:
    """What a try of `what` with this name from this address counts for. Keys hold hashes, so nobody's address stands in them."""
    # PostgreSQL's lower() makes of a dotted capital I a plain i, and Python two characters: one account must not have two counters.
    who, where = name.strip().casefold().replace("\u0307", "")[:300], network(place)
    return (
        Counter(_key(what, "both", who, where), FREE_TRIES, True),
        Counter(_key(what, "name", who), FREE_TRIES_OF_NAME, True),
        Counter(_key(what, "place", where), FREE_TRIES_OF_PLACE, False),
    )


def wait_seconds(count: int, free: int) -> float:
    """How long the next try waits after `count` of them."""
    return min(2.0 ** min(count - free, 30), LONGEST_WAIT_SECONDS) if count >= free else 0.0


def must_wait(seconds: float) -> RateLimitedError:
    """What a try is answered that comes too early."""
    return RateLimitedError("Too many tries; wait a little.", max(1, round(seconds)))


def network(place: str) -> str:
    """The address that counts: of IPv6 the first half, since one machine has all of the second."""
    try:
        address = ipaddress.ip_address(place)
    except ValueError:
        return place[:100]
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


@dataclass
class _Tries:
    count: int = 0
    until: float = 0.0
    last: float = 0.0


class MemoryBrake:
    """Tries counted in this process. For one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def attempt(self, counted: tuple[Counter, ...]) -> None:
        """Count a try. Raises RateLimitedError, and counts nothing, while one of `counted` must wait."""
        now = self._clock.now_ms() / 1000
        found = [self._known(counter.key, now) for counter in counted]
        wait = max(tries.until for tries in found) - now
        if wait > 0:
            raise must_wait(wait)
        for counter, tries in zip(counted, found, strict=True):
            tries.count += 1
            tries.last = now
            tries.until = now + wait_seconds(tries.count, counter.free)
            self._tries[counter.key] = tries
            self._tries.move_to_end(counter.key)
        while len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)

    def succeeded(self, counted: tuple[Counter, ...], *, forgiving: bool = True) -> None:
        """The try was good; not `forgiving` takes it back and leaves those before it counted."""
        for counter in counted:
            tries = self._tries.get(counter.key)
            if counter.forgiven and forgiving:
                self._tries.pop(counter.key, None)
            elif tries is not None:
                tries.count -= 1
                tries.until = 0.0

    def _known(self, key: str, now: float) -> _Tries:
        tries = self._tries.get(key)
        return tries if tries is not None and now - tries.last < FORGOTTEN_SECONDS else _Tries()


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
