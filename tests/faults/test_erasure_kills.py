"""kill -9 of the real service in the middle of an erasure, and of an export: both are gone on with, and what they promise holds."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from analytics.privacy.registry import PERSONAL
from tests.factories.person_traces import in_files, in_postgres
from tests.factories.subject_exports import read_zip
from tests.faults.harness import PASSWORD, Group
from tests.faults.stored_state import find_texts
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for

MakeGroup = Callable[..., Group]
OTHERS = 400
OF_PERSON = 60
PHASES = (
    "waiting for what is on its way",
    *(f"removing from {store}" for store in PERSONAL),
    "putting rollups right",
    "looking again",
    "dropping the log of PostgreSQL",
)
_TELL = """
CREATE FUNCTION tell_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('phases', NEW.status || ': ' || NEW.phase); RETURN NEW; END $$;
CREATE TRIGGER tell AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION tell_{table}();
"""


class Phases:
    """Hears of each phase at the moment in which it begins."""

    def __init__(self, url: str, table: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(_TELL.format(table=table).encode())
        self._connection.execute("LISTEN phases")

    def wait(self, phase: str, seconds: float = PATIENCE_SECONDS) -> bool:
        """Until it begins; False if all ended before."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for told in self._connection.notifies(timeout=0.5, stop_after=1):
                status, _, begun = told.payload.partition(": ")
                if status == "finished":
                    return False
                if begun.startswith(phase):
                    return True
        raise AssertionError(f"{phase} did not begin")

    def forget(self) -> None:
        """What was told by now is of a process that is dead."""
        for _ in self._connection.notifies(timeout=0):
            pass

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def phases_of(group: Group, table: str) -> Iterator[Phases]:
    heard = Phases(group.settings["postgres_url"], table)
    try:
        yield heard
    finally:
        heard.close()


def owner(group: Group) -> httpx.Client:
    form = {"username": "admin@example.com", "password": PASSWORD}
    token = httpx.post(f"{group.url}/v1/auth/token", data=form, timeout=30).raise_for_status().json()["access_token"]
    return httpx.Client(base_url=f"{group.url}/v1/projects/default", headers={"Authorization": f"Bearer {token}"}, timeout=60)


def events_of(person: str, device: str) -> list[dict[str, Any]]:
    """Of the person, of their device before they signed in, and of many others, over two months; one that is refused."""
    now = datetime.now(UTC)

    def made(number: int, **more: Any) -> dict[str, Any]:
        at = (now - timedelta(hours=3 * (number % 400))).isoformat()
        return {"event_id": uuid4().hex, "event": f"name-{number % 5}", "timestamp": at, "properties": {"v": number}, **more}

    theirs = [made(number, user_id=person) for number in range(OF_PERSON)]
    theirs += [made(1, anonymous_id=device), made(2, event="$identify", user_id=person, anonymous_id=device)]
    others = [made(number, user_id=f"other-{number % 40}") for number in range(OTHERS)]
    return [*theirs, *others, made(3, user_id=person, timestamp="never")]


def kill_in(group: Group, heard: Phases, worker: int, phase: str, after_seconds: float) -> bool:
    """Kill the held worker so long after the phase began, and let the next start; False if there was nothing to break off."""
    begun = heard.wait(phase)
    if begun:
        time.sleep(after_seconds)
        group.kill_now(worker)
        heard.forget()
    group.release()
    return begun


def ended(group: Group, kind: str, thing_id: str, seconds: float = 2 * PATIENCE_SECONDS) -> dict[str, Any]:
    """The erasure or export, once it has ended by itself."""
    said: dict[str, Any] = {}

    def look() -> dict[str, Any] | None:
        with contextlib.suppress(httpx.HTTPError), owner(group) as client:
            said.update(client.get(f"/{kind}/{thing_id}").raise_for_status().json())
            return said if said["status"] in ("finished", "failed") else None
        return None

    return wait_for(look, f"the end of {said or thing_id}", seconds)


def erase_with_kills(group: Group, kills: Sequence[tuple[str, float]]) -> None:
    """Ask for an erasure, kill at each of the moments in their order, and see that all of it holds in the end."""
    mark = uuid4().hex[:12]
    person, device = f"person-{mark}", f"device-{mark}"
    sender = group.sender()
    sent = events_of(person, device)
    reply = sender.send(sent)
    assert reply is not None
    assert reply.status == 200
    group.wait_drained()
    with phases_of(group, "erasures") as heard, owner(group) as client:
        worker = group.hold()
        asked = client.post("/erasures", json={"user_id": person}).raise_for_status().json()
        for phase, after_seconds in kills:
            if not kill_in(group, heard, worker, phase, after_seconds):
                break
            worker = group.hold()
        group.release()
    record = ended(group, "erasures", asked["id"])
    assert record["status"] == "finished", record
    assert group.kills >= min(len(kills), 5)
    stores = record["receipt"]["stores"]
    assert set(stores) == set(PERSONAL)
    assert all(store["left"] == 0 and store["removed"] == store["found"] for store in stores.values()), stores
    # What was counted before the first kill, whatever had been removed when the later runs looked.
    assert stores["clickhouse:events"]["found"] == OF_PERSON + 2
    assert stores["clickhouse:user_timeline"]["found"] == OF_PERSON + 2
    assert stores["clickhouse:rejected_events"]["found"] == 1
    assert record["receipt"]["verified_at"]
    reader = group.reader()
    try:
        assert {source: reader.total(source) for source in ("raw", "rollup")} == {"raw": OTHERS, "rollup": OTHERS}
        assert len(reader.events()) == OTHERS
        assert reader.total("rollup", metric="unique_users") == reader.total("raw", metric="unique_users")
    finally:
        reader.close()
    with owner(group):  # it runs, and refuses what comes later
        refused = sender.send([{"event_id": uuid4().hex, "event": "x", "user_id": person}])
        assert refused is not None
        assert [error["code"] for error in refused.body["errors"]] == ["erased-user"]
    group.wait_drained()
    group.stop()
    assert not any(find_texts(group.data_dir, person, device).values())
    assert in_files(group.data_dir, (person, device)) == []
    assert not any(in_postgres(group.settings["postgres_url"], (person, device)).values())


def test_an_erasure_goes_on_by_itself_after_kills_in_a_store_and_in_the_rollups(group: Group) -> None:
    erase_with_kills(group, [("removing from clickhouse:events", 0.02), ("putting rollups right", 0.02)])


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(3))
def test_an_erasure_goes_on_by_itself_after_a_kill_in_each_phase(group: Group, seed: int) -> None:
    chance = random.Random(seed)
    erase_with_kills(group, [(phase, chance.choice((0.0, 0.01, 0.03, 0.1, 0.3))) for phase in PHASES])


def test_an_export_begins_anew_after_a_kill(group: Group) -> None:
    mark = uuid4().hex[:12]
    person, device = f"person-{mark}", f"device-{mark}"
    reply = group.sender().send(events_of(person, device))
    assert reply is not None
    assert reply.status == 200
    with phases_of(group, "subject_exports") as heard, owner(group) as client:
        worker = group.hold()
        asked = client.post("/subject-exports", json={"user_id": person}).raise_for_status().json()
        assert heard.wait("writing user_days.ndjson")
        group.kill_now(worker)
        folder = group.data_dir / "exports"
        assert [path.name for path in folder.iterdir()] == [f"{asked['id']}.part"]
        group.release()
    record = ended(group, "subject-exports", asked["id"])
    assert record["status"] == "finished", record
    with owner(group) as client:
        files = read_zip(client.get(f"/subject-exports/{asked['id']}/file").raise_for_status().content)
    assert len(files["events.ndjson"]) == OF_PERSON + 2
    assert sum(line["events"] for line in files["user_days.ndjson"]) == OF_PERSON + 2
    assert len(files["rejected_events.ndjson"]) == 1
    assert [path.name for path in folder.iterdir()] == [f"{asked['id']}.zip"]
