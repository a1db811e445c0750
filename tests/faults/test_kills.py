"""kill -9 at every step of a batch: nothing acknowledged is lost, nothing counts twice."""

import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.results import keep, machine
from tests.faults.harness import Group
from tests.faults.kill_run import AIMS, STEPS, KillRun, Phase, Tally, slow_views
from tests.faults.stored_state import table_folders

VIEW_SECONDS = 0.08


# Nobody's kills hit what they aim at every time: so many tries are enough on any machine.
MOST_KILLS = 120


def run_kills(groups: list[Group], tally: Tally, seed: int, kills: int, wanted: Mapping[Phase, int]) -> None:
    """Kill the groups side by side until there were `kills` and as many of each phase as wanted; then hold each one's tables against its
    client's log. With nothing wanted, kills come at any instant."""
    failed = threading.Event()

    def run(number: int) -> None:
        group, chance = groups[number], random.Random(seed + number)
        try:
            killer = KillRun(group, tally, seed + number)
            killer.learn_order()
            while (tally.kills < kills or tally.missing(wanted)) and tally.kills < max(kills, MOST_KILLS) and not failed.is_set():
                aims = list(tally.missing(wanted) or wanted)
                # Every fourth kill takes the supervisor too, which also keeps its backoff short.
                killer.kill_once(chance.choice(aims) if aims else None, whole_group=group.kills % 4 == 3)
            check(group, killer)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(len(groups)) as threads:
        for future in [threads.submit(run, number) for number in range(len(groups))]:
            future.result()


def check(group: Group, killer: KillRun) -> None:
    """The client's log against the API, and against every table."""
    group.wait_drained()
    log = killer.sender.log
    reader = group.reader()
    listed = [item["event_id"] for item in reader.events()]
    totals = {source: reader.total(source) for source in ("raw", "rollup")}
    reader.close()
    stored = group.stored()
    log.expect_exactly(stored)
    assert sorted(listed) == sorted(stored.contents), "the list of events has each id once"
    assert totals == {"raw": len(listed), "rollup": len(listed)}
    assert log.acknowledged == stored.contents.keys(), "every batch was sent until it was answered"


@pytest.mark.timeout(600)
def test_kills_at_every_step_lose_nothing_and_count_nothing_twice(make_group: Callable[..., Group]) -> None:
    groups = [make_group() for _ in range(3)]
    with ThreadPoolExecutor(len(groups)) as threads:
        list(threads.map(slowed, groups))
    tally = Tally()
    wanted = {phase: 5 if phase in STEPS else 2 for phase in AIMS}
    run_kills(groups, tally, seed=2026, kills=50, wanted=wanted)
    assert tally.kills >= 50
    assert not tally.missing(wanted), f"phases hit too seldom: {tally.missing(wanted)} of {tally.phases}"


def slowed(group: Group) -> Group:
    """Started on views slow enough that every gap between two parts can be hit."""
    slow_views(group.data_dir, VIEW_SECONDS)
    return group.start()


def test_kills_of_everything_with_engines_of_its_own_lose_nothing(tmp_path: Path) -> None:
    group = Group(tmp_path / "data")
    try:
        killer = KillRun(group.start(), Tally(), seed=7)
        killer.learn_order()
        for aim in (Phase.VERDICT, None, Phase.INSERTED):
            killer.kill_once(aim, whole_group=True)
        check(group, killer)
    finally:
        group.clean_up()


@pytest.mark.long
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this machine: the files are set back instead, above")
def test_a_kill_at_the_very_rename_of_a_part_loses_nothing(group: Group, tmp_path: Path) -> None:
    """What `Phase.LOGGED` makes by hand, made by the kernel: the worker dies as it enters its n-th rename."""
    killer = KillRun(group, Tally(), seed=3)
    killer.learn_order()
    orphans = 0
    for nth in range(1, 8):  # the verdict, the five tables in their order, the checkpoint
        group.wait_drained()
        worker = group.hold()
        kill = f"inject=rename:signal=SIGKILL:when={nth}"
        command = ["strace", "-f", "-e", "trace=rename", "-e", kill, "-o", str(tmp_path / "trace"), "-p", str(worker)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
            assert tracer.stderr is not None
            attached = tracer.stderr.readline().decode()
            if "attached" not in attached:
                pytest.skip(f"strace may not look at other processes here: {attached.strip()}")
            sending = threading.Thread(target=killer.sender.send_until_accepted, args=(killer.batch(months=1),), daemon=True)
            sending.start()
            tracer.wait(60)
        group.kill_now(worker)
        orphans += sum(len(orphaned(folder)) for folder in table_folders(group.data_dir).values())
        group.release()
        sending.join()
    assert orphans >= 5, "in each table once, a token was noted and its part not renamed"
    check(group, killer)


def orphaned(folder: Path) -> list[str]:
    """Parts that a table's log of tokens names, but that are still under their first name."""
    noted = "".join(path.read_text() for path in (folder / "deduplication_logs").iterdir())
    parts = [entry.name.removeprefix("tmp_insert_") for entry in folder.iterdir() if entry.name.startswith("tmp_insert_")]
    return [name for name in parts if f"\t{name}\t" in noted]


@pytest.mark.long
def test_a_thousand_kills(make_group: Callable[..., Group]) -> None:
    """600 at chosen steps with slowed views, 400 at any instant with views as they are."""
    started = time.monotonic()
    tally = Tally()
    seed = int(time.time())
    aimed = [slowed(make_group()) for _ in range(3)]
    run_kills(aimed, tally, seed, kills=600, wanted=dict.fromkeys(AIMS, 50))
    assert not tally.missing(dict.fromkeys(AIMS, 40))
    run_kills([make_group().start() for _ in range(3)], tally, seed, kills=1_000, wanted={})
    keep(
        "kills",
        {
            "command": "make test-long",
            "machine": machine(),
            "seed": seed,
            "kills": tally.kills,
            "by_phase": {phase.value: tally.phases[phase] for phase in Phase},
            "minutes": round((time.monotonic() - started) / 60, 1),
            "lost": 0,
            "counted_twice": 0,
        },
    )
