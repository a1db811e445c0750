"""Tells Redis which days of which projects this process is changing, before it does: what kept answers are judged by (`answers.py`).

Before each insert `begin` counts a change to every day it touches and leaves a mark; `end` takes the mark away after the insert. A reader
notes the number of changes before it computes. As long as no change has begun since, and none was under way, its answer is what a new
one would be. What was marked and then failed stays marked until its next attempt has ended.

Why no crash and no lost connection makes a kept answer wrong:

- Marks count only while the word of every process that changes data is good: `LEASE_SECONDS` from the last call, renewed every
  `BEAT_SECONDS`. A process that dies, hangs or does not reach Redis lets it lapse, and readers pass by what is kept until it is back, or
  until it is forgotten, which begins a new generation.
- A process that cannot leave a mark waits until its word has lapsed, once, and goes on without. It then owes a new generation (a random
  name, in which nothing kept before is found), and pays it before its word is good again. At its start it always owes one.
- Until when its word is good is said by the process, in absolute time of Redis: a call that lay in the buffers of a Redis that hung, and
  is carried out when nobody waits for it any more, renews nothing.
- Redis started anew, with old data or none, or another one in its place, has another run id: what it holds was written under the old
  one and is void. A generation is never guessed, so what is left of answers is never found. Readers then pass by for `QUIET_SECONDS`
  (`answers.py`), by which time every process that reaches Redis has told its marks again.
- Every call tells all marks of the process, so one that was lost (memory short, FLUSHALL) is there again with the next.

The one thing to know: nothing here may hold up the writer. Of an outage it feels one call that ran into its limit, and one lease.
"""

import secrets
import threading
import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import structlog

from analytics.cache.connection import Breaker, Cache
from analytics.cache.scripts import script
from analytics.errors import CacheUnavailableError

LEASE_SECONDS = 1.0
BEAT_SECONDS = 0.25
EVERY_PROJECT = "*"
_FIRST_DAY, _LAST_DAY = -(2**40), 2**40
_log = structlog.get_logger("analytics.answers")


@dataclass(frozen=True, slots=True)
class Change:
    """Days (since 1970-01-01, UTC) of a project that change; None: any."""

    project_id: str
    days: Collection[int] | None

    @property
    def span(self) -> tuple[int, int]:
        """First and last."""
        return (min(self.days), max(self.days)) if self.days else (_FIRST_DAY, _LAST_DAY)


@dataclass(frozen=True, slots=True)
class _Mark:
    changes: Sequence[Change]
    oldest: float  # monotonic seconds: when the first event of it was received; -inf: nothing of it may be missing, however new


class ChangeMarks:
    """The marks of one process. Safe from many threads. `node` names the process, also after a restart, and no other."""

    def __init__(self, cache: Cache, node: str, lease_seconds: float = LEASE_SECONDS) -> None:
        """`cache` is its own: its pauses after a failure must be short."""
        cache.breaker = Breaker(BEAT_SECONDS, BEAT_SECONDS)
        self._cache = cache
        self._node = node
        self._lease_seconds = lease_seconds
        self._calls = threading.Lock()  # one call at a time, in order
        self._state = threading.Lock()  # of what follows; never held while Redis is waited for
        self._marks: dict[str, _Mark] = {}
        self._owes = True
        self._unmarked = 0  # grows with each change that was not told
        self._word_until = 0.0  # monotonic seconds: no reader trusts this process later than that, unless told anew
        self._offset: float | None = None  # Redis's clock is at least the monotonic one plus this, in seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="change-marks", daemon=True)

    # ---- life --------------------------------------------------------------------

    def start(self) -> None:
        """Be known to readers, if Redis is there, and from now on."""
        if not self._cache.configured:
            return
        self._renew()
        self._renew()
        self._thread.start()

    def stop(self) -> None:
        """Nothing changes any more: let the word end with it."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    # ---- changes -------------------------------------------------------------------

    def begin(self, token: str, changes: Sequence[Change], age_seconds: float) -> None:
        """`changes` begin now, as `token`. They bring events of which the oldest was received `age_seconds` ago.

        Never raises; when it returns, no reader takes what is kept for more than it is.
        """
        mark = _Mark(changes, time.monotonic() - max(0.0, age_seconds))
        if self._left_unmarked(token, mark):
            return
        with self._calls:
            with self._state:
                self._marks[token] = mark
            try:
                self._tell(begun=mark)
                return
            except CacheUnavailableError as error:
                self._fail(error)
        self._left_unmarked(token, mark)

    def end(self, token: str) -> None:
        """What began as `token` is done. Never raises."""
        with self._state:
            self._marks.pop(token, None)
            if self._owes:
                return
        with self._calls:
            try:
                self._tell()
            except CacheUnavailableError as error:
                self._fail(error)

    def distrust(self, token: str) -> None:
        """Something begins now, as `token`, of which nothing can be told. Never raises; returns when no reader trusts this process."""
        with self._state:
            self._owes = True
        self._left_unmarked(token, _Mark([Change(EVERY_PROJECT, None)], float("-inf")))

    @contextmanager
    def changing(self, project_id: str | None = None) -> Generator[None]:
        """While the block runs answers of the project (None: of all) are neither kept nor taken, and those kept before are void for ever.

        For what rewrites history: erasures, reconciliations, back-fills.
        """
        token = f"changing-{secrets.token_hex(8)}"
        project = project_id or EVERY_PROJECT
        self._void(token, project, begins=True)
        try:
            yield
        finally:
            self._void(token, project, begins=False)

    # ---- within ----------------------------------------------------------------------

    def _void(self, token: str, project: str, *, begins: bool) -> None:
        mark = _Mark([Change(project, None)], float("-inf"))
        if begins and self._left_unmarked(token, mark):
            return
        with self._calls:
            with self._state:
                if begins:
                    self._marks[token] = mark
                else:
                    self._marks.pop(token, None)
                if not begins and self._owes:
                    self._unmarked += 1  # the generation that is owed voids it, also if it is just being paid
                    return
            try:
                self._tell(pays=project == EVERY_PROJECT, raised=() if project == EVERY_PROJECT else (project,))
                return
            except CacheUnavailableError as error:
                self._fail(error)
        if begins:
            self._left_unmarked(token, mark)

    def _left_unmarked(self, token: str, mark: _Mark) -> bool:
        """Whether the change goes on without a mark, since Redis is away; then no reader trusts this process any more."""
        with self._state:
            if not self._owes:
                return False
            self._marks[token] = mark
            self._unmarked += 1
            wait = self._word_until - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        return True

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            self._renew()
        with self._calls, self._state:
            whole = not self._owes and not self._marks
        if whole:
            self._try(self._leave)

    def _renew(self) -> None:
        """Pay what is owed, or renew the word."""
        with self._calls:
            with self._state:
                owes, unmarked = self._owes, self._unmarked
            if self._try(lambda: self._tell(pays=owes)) and owes:
                with self._state:
                    self._owes = self._unmarked != unmarked  # what began meanwhile is not told: pay once more

    def _try(self, tell: Callable[[], object]) -> bool:
        try:
            tell()
        except CacheUnavailableError as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: CacheUnavailableError) -> None:
        with self._state:
            if not self._owes:
                _log.warning("answers are not kept: Redis is away", reason=error.detail)
            self._owes = True

    def _leave(self) -> None:
        self._cache.call(lambda client: script("leave_changes").run(client, self._node))

    def _tell(self, begun: _Mark | None = None, pays: bool = False, raised: Sequence[str] = ()) -> None:
        """One call with all marks. The word is renewed by it unless something is owed."""
        offset = self._offset
        if offset is None:
            offset = self._offset = self._learn_clock()
        with self._state:
            marks = list(self._marks.values())
            owes = self._owes
        by_project: dict[str, list[tuple[int, int, int]]] = {}
        for mark in marks:
            for change in mark.changes:
                by_project.setdefault(change.project_id, []).append((*change.span, _received(mark, offset)))
        begins = [(change.project_id, _received(begun, offset), list(change.days or ())) for change in begun.changes] if begun else []
        payload = msgspec.msgpack.encode((list(by_project.items()), begins, raised))
        until = time.monotonic() + self._lease_seconds
        lease = int((until + offset - (self._lease_seconds if owes else 0.0)) * 1e6)
        if not owes:
            with self._state:
                self._word_until = until  # said before it is: the call may be carried out although no answer comes
        sent = cast(
            Sequence[int],
            self._cache.call(
                lambda client: script("mark_changes").run(client, self._node, secrets.token_hex(16), lease, "1" if pays else "0", payload)
            ),
        )
        self._offset = sent[0] / 1e6 - time.monotonic()

    def _learn_clock(self) -> float:
        answer: Any = self._cache.call(lambda client: client.time())
        return answer[0] + answer[1] / 1e6 - time.monotonic()


def _received(mark: _Mark, offset: float) -> int:
    """By Redis's clock, in microseconds; 0 for what nothing may be missing of."""
    return 0 if mark.oldest == float("-inf") else max(0, int((mark.oldest + offset) * 1e6))
