"""Kills at chosen moments on the way of a batch, the moment read from the files afterwards.

Steered from outside: a FIFO in the place of a file that the writer is about to write holds it there; the kernel's news of a part's
rename says that it landed; views may be slowed by a sleep in their query. What a kill really hit is what the dead worker left behind.
"""

import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.faults.folder_watch import Appeared, FolderWatch
from tests.faults.harness import Group
from tests.faults.stored_state import TABLES, change_tables, part_of, spool_state, table_folders
from tests.fixtures.patience import PATIENCE_SECONDS

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "clickhouse"
FEEDS = ("event_counts_feed", "user_days_feed", "user_timeline_feed", "event_ids_feed")


class Phase(StrEnum):
    """Where a batch was when its worker died; a table's name: its part had landed, the next had not."""

    SPOOLED = "spooled"
    VERDICT = "verdict written"
    EVENTS = "events"
    EVENT_COUNTS = "event_counts"
    USER_DAYS = "user_days"
    USER_TIMELINE = "user_timeline"
    EVENT_IDS = "event_ids"
    INSERTED = "inserted before checkpoint"
    CHECKPOINTED = "checkpointed"
    REPLAY = "replayed after a kill"
    LOGGED = "token noted before rename"
    UNLOGGED = "renamed before token is on disk"


STEPS = tuple(list(Phase)[:8])
AIMS = (*STEPS, Phase.REPLAY, Phase.LOGGED, Phase.UNLOGGED)
HELD = {Phase.SPOOLED: "verdict.new", Phase.INSERTED: "checkpoint.new"}  # files the writer writes next, there replaced by a FIFO


@dataclass
class Tally:
    """Kills by phase, over all runs."""

    phases: Counter[Phase] = field(default_factory=Counter[Phase])
    kills: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, phase: Phase) -> None:
        """One more kill."""
        with self.lock:
            self.phases[phase] += 1
            self.kills += 1
            print(f"{time.monotonic():.1f} kill {self.kills}: {phase}")

    def missing(self, wanted: Mapping[Phase, int]) -> dict[Phase, int]:
        """How many more kills each phase needs; those that have enough are left out."""
        with self.lock:
            return {phase: number - self.phases[phase] for phase, number in wanted.items() if self.phases[phase] < number}


def slow_views(data_dir: Path, seconds: float) -> None:
    """Let each view of a service that does not run wait before its part: wide gaps to be killed in, also on a busy machine."""
    statements = list[str]()
    for path in sorted(MIGRATIONS.glob("*_feed_*.sql")):
        name, _, query = path.read_text("utf-8").partition("MATERIALIZED VIEW ")[2].partition(" AS\n")
        feed = name.split()[0]
        assert feed in FEEDS
        assert query.count("FROM events") == 1
        slowed = query.strip().rstrip(";").replace("FROM events", f"FROM events WHERE sleep({seconds}) = 0")
        statements.append(f"ALTER TABLE {feed} MODIFY QUERY {slowed}")
    assert len(statements) == len(FEEDS)
    change_tables(data_dir, *statements)


class KillRun:
    """Sends to one group, kills it, looks, and lets it go on."""

    def __init__(self, group: Group, tally: Tally, seed: int) -> None:
        self.group = group
        self.tally = tally
        self.sender = group.sender()
        self._chance = random.Random(seed)
        self._sent: list[dict[str, Any]] = []
        self._order: list[str] = []
        self._version = 0

    def learn_order(self) -> None:
        """Find out in which order the tables of this data dir get their parts: it differs between data dirs."""
        with self._watch() as watch:
            self.sender.send_until_accepted(self.batch(months=1))
            self.group.wait_drained()
            self._order = [item.folder for item in watch.pending() if is_landing(item)]
        assert sorted(self._order) == sorted(TABLES), self._order

    def kill_once(self, aim: Phase | None = None, whole_group: bool = False) -> Phase:
        """One kill, aimed at a phase (None: at any instant); the phase it hit."""
        self.group.wait_drained()
        fifo = self.group.data_dir / "spool" / HELD[aim] if aim in HELD else None
        months = self._chance.choice((1, 1, 2)) if aim in (None, Phase.REPLAY) else 1
        batch = self.batch(months)
        again = threading.Thread(target=self.sender.send_until_accepted, args=(batch,), daemon=True)
        others = threading.Thread(target=self._trickle, args=(stop := threading.Event(),), daemon=True)
        with self._watch() as watch:
            if fifo is not None:
                fifo.unlink(missing_ok=True)
                os.mkfifo(fifo)
            worker = self.group.hold()
            again.start()
            others.start()
            seen = self._until(aim, watch)
            self.group.kill_now(worker)
            seen += watch.pending()
        if fifo is not None:
            fifo.unlink()
        phase = Phase.INSERTED if aim is Phase.INSERTED else self._phase(seen)
        phase = self._set_back(aim, phase, seen)
        self.tally.note(phase)
        if aim is Phase.REPLAY and phase not in (Phase.SPOOLED, Phase.CHECKPOINTED):
            self._kill_replay()
        elif whole_group:
            self.group.kill_all()
            self.group.start()
        else:
            self.group.release()
        stop.set()
        again.join()
        others.join()
        return phase

    # ---- aiming -----------------------------------------------------------

    def _until(self, aim: Phase | None, watch: FolderWatch) -> list[Appeared]:
        """Wait for the moment; what appeared by then."""
        seen = list[Appeared]()
        if aim is None:
            threading.Event().wait(self._chance.uniform(0.0, 0.3))
            return seen
        if aim is Phase.SPOOLED:
            while spool_state(self.group.data_dir).drained:
                threading.Event().wait(0.005)
            return seen
        wanted = self._landings_before(aim)
        for item in watch.wait(PATIENCE_SECONDS):
            seen.append(item)
            if aim is Phase.VERDICT and item.folder == "spool" and item.name == "verdict" and not item.created:
                return seen
            if wanted and len(landings(seen)) >= wanted:
                if aim is Phase.INSERTED:
                    threading.Event().wait(0.05)  # it goes on to the checkpoint, where the FIFO holds it
                return seen
        raise AssertionError(f"no moment for {aim}: {seen}")

    def _landings_before(self, aim: Phase) -> int:
        if aim in (Phase.REPLAY, Phase.LOGGED, Phase.UNLOGGED):
            return self._chance.randint(1, len(self._order))
        if aim is Phase.INSERTED:
            return len(self._order)
        return self._order.index(aim.value) + 1 if aim.value in self._order else 0

    def _phase(self, seen: Sequence[Appeared]) -> Phase:
        """From what appeared, checked against what the files say now."""
        state = spool_state(self.group.data_dir)
        moved = [item for item in seen if item.folder == "spool" and not item.created]
        landed = landings(seen)
        if not state.verdict_open:
            return Phase.CHECKPOINTED if any(item.name == "checkpoint" for item in moved) else Phase.SPOOLED
        assert any(item.name == "verdict" for item in moved), moved
        return Phase(landed[-1]) if landed else Phase.VERDICT

    def _set_back(self, aim: Phase | None, phase: Phase, seen: Sequence[Appeared]) -> Phase:
        """Take back the engine's last step, as if the kill, or a power cut, had come one system call earlier."""
        if aim not in (Phase.LOGGED, Phase.UNLOGGED) or phase in (Phase.SPOOLED, Phase.VERDICT, Phase.CHECKPOINTED):
            return phase
        item = [item for item in seen if is_landing(item)][-1]
        folder = table_folders(self.group.data_dir)[item.folder]
        if aim is Phase.LOGGED:
            # The engine notes the token, then renames the part: between the two the part still has its first name.
            (folder / item.name).rename(folder / f"tmp_insert_{item.name}")
            return Phase.LOGGED
        # The engine never syncs the note: after a power cut the part may be there without it.
        # After a start the engine goes on in a new file, which is empty at first.
        logs = {path: path.read_text().splitlines(keepends=True) for path in (folder / "deduplication_logs").iterdir()}
        (noted,) = [path for path, lines in logs.items() if lines and item.name in lines[-1]]
        noted.write_text("".join(logs[noted][:-1]))
        return Phase.UNLOGGED

    def _kill_replay(self) -> None:
        """Kill the next worker too, while it finishes the batch."""
        with self._watch() as watch:
            self.group.release()
            seen = list[Appeared]()
            for item in watch.wait(PATIENCE_SECONDS):
                seen.append(item)
                if is_landing(item) or item.name == "checkpoint":
                    break
            self.group.kill_now(self.group.worker())
            seen += watch.pending()
        replayed = any(item.folder == "spool" and item.name == "checkpoint" and not item.created for item in seen)
        self.tally.note(Phase.CHECKPOINTED if replayed else Phase.REPLAY)

    def _watch(self) -> FolderWatch:
        return FolderWatch({"spool": self.group.data_dir / "spool", **table_folders(self.group.data_dir)})

    # ---- events -----------------------------------------------------------

    def batch(self, months: int) -> list[dict[str, Any]]:
        """New events, repeats of earlier ones with other contents, repeats among themselves, and one that is refused."""
        new = [self._event(uuid.uuid4().hex, months) for _ in range(self._chance.randint(8, 20))]
        old = [self._event(event["event_id"], months) for event in self._chance.sample(self._sent, min(6, len(self._sent)))]
        self._sent += new
        wrong = {name: value for name, value in self._event(uuid.uuid4().hex, months).items() if name != "user_id"}
        tail = [*new[:3], *old, wrong]
        self._chance.shuffle(tail)
        return [*new, *tail]

    def _event(self, event_id: str, months: int) -> dict[str, Any]:
        self._version += 1
        return {
            "event_id": event_id,
            "event": self._chance.choice(("lesson_started", "lesson_completed", "quiz_passed")),
            "user_id": f"u-{self._chance.randint(1, 9)}",
            "timestamp": f"2026-{self._chance.randint(1, months):02d}-0{self._chance.randint(1, 9)}T10:00:00Z",
            "properties": {"v": self._version},
        }

    def _trickle(self, stop: threading.Event) -> None:
        """Small requests all the while: some are under way when the worker dies."""
        while not stop.wait(0.05):
            self.sender.send_until_accepted([self._event(uuid.uuid4().hex, 1)])


def is_landing(item: Appeared) -> bool:
    """Whether a part of an insert (no merge) came to be."""
    part = part_of(item.name)
    return not item.created and item.folder in TABLES and part is not None and part.level == 0


def landings(seen: Sequence[Appeared]) -> list[str]:
    """The tables whose parts landed of the batch that was inserted last, in order.

    The verdict of the next batch comes while one is inserted, and the checkpoint behind one while the next is: either ends a batch only
    if all of it has landed. The next begins in `events`, as each does.
    """
    landed = list[str]()
    for item in seen:
        is_whole = len(set(landed)) == len(TABLES)
        if is_landing(item):
            landed = [item.folder] if is_whole and item.folder == "events" else [*landed, item.folder]
        elif is_whole and item.folder == "spool" and item.name in ("verdict", "checkpoint") and not item.created:
            landed = []
    return landed
