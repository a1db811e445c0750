"""Rate limits as arithmetic: so many requests a window, spent as one likes, refilled evenly (GCRA).

One number a caller is all that is kept: when its window would be full again. cache/rate_limit.lua does the same sums in Redis.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateStand:
    """How a caller stands: `limit` requests a window, `remaining` of them now, all again in `reset_seconds`.

    `retry_after_seconds` is 0 if this request was within the limit.
    """

    limit: int
    remaining: int
    reset_seconds: int
    retry_after_seconds: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """The fields of the answer."""
        fields = {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset_seconds),
        }
        return fields | ({"retry-after": str(self.retry_after_seconds)} if self.retry_after_seconds else {})


class RateMemory:
    """The callers of one process, so many at most: the one seen longest ago is forgotten first. For one event loop."""

    def __init__(self, most_callers: int = 50_000) -> None:
        self._most = most_callers
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def charge(self, caller: str, limit: int, window_seconds: float, now: float) -> RateStand:
        """Count one request of `caller` at `now` (seconds, of any clock), unless it is over the limit."""
        step = window_seconds / limit
        full_at = max(self._full_at.get(caller, now), now)
        wait = full_at + step - window_seconds - now
        if wait > 1e-9:
            return RateStand(limit, 0, math.ceil(full_at - now), max(1, math.ceil(wait)))
        full_at += step
        self._keep(caller, full_at)
        return RateStand(limit, max(0, int((now + window_seconds - full_at) / step + 1e-6)), math.ceil(full_at - now))

    def advance(self, caller: str, full_at: float) -> None:
        """Others have counted requests of `caller` too: its window is full again no sooner than at `full_at`."""
        if full_at > self._full_at.get(caller, 0.0):
            self._keep(caller, full_at)

    def _keep(self, caller: str, full_at: float) -> None:
        self._full_at[caller] = full_at
        self._full_at.move_to_end(caller)
        while len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
