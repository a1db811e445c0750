"""kill -9 of the real service while own rollups are filled and events come in: in the end they hold what the events say, neither more nor
less, whichever way a batch or a day was broken off."""

import contextlib
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from tests.faults.harness import PASSWORD, Group
from tests.faults.logged_sender import LoggedSender
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for

MONTHS = 8
KILLS = 6
ROLLUPS = {
    "by_day": "SELECT toDate(timestamp) AS day, event, count() AS n, uniqExact(person) AS people, sum(properties.v::Int64) AS total"
    " FROM events GROUP BY day, event",
    "by_course": "SELECT properties.course AS course, toStartOfMonth(timestamp) AS month, countIf(event = 'name-1') AS ones,"
    " max(properties.v::Int64) AS most FROM events WHERE event != 'name-4' GROUP BY course, month",
}


class Asker:
    """The owner, over HTTP, at whatever address the service has by now."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._signed_in: tuple[str, str] = ("", "")

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        url = self._group.url
        if self._signed_in[0] != url:
            form = {"username": "admin@example.com", "password": PASSWORD}
            answer = httpx.post(f"{url}/v1/auth/token", data=form, timeout=PATIENCE_SECONDS).raise_for_status()
            self._signed_in = (url, answer.json()["access_token"])
        headers = {"authorization": f"Bearer {self._signed_in[1]}"}
        return httpx.request(method, f"{url}/v1/projects/default{path}", headers=headers, timeout=PATIENCE_SECONDS, **more)

    def rollup(self, name: str) -> dict[str, Any] | None:
        """As it stands; None while nobody answers."""
        with contextlib.suppress(httpx.HTTPError):
            return self.call("GET", f"/rollups/{name}").raise_for_status().json()
        self._signed_in = ("", "")
        return None

    def rows(self, sql: str) -> list[Any]:
        return self.call("POST", "/sql", json={"sql": sql}).raise_for_status().json()["rows"]


def some_events(chance: random.Random, number: int) -> list[dict[str, Any]]:
    """Over the last months; some ids are sent again."""
    now = datetime.now(UTC)
    return [
        {
            "event_id": f"{chance.randrange(4)}-{uuid4().hex}",
            "event": f"name-{chance.randrange(5)}",
            "user_id": f"u-{chance.randrange(20)}",
            "timestamp": (now - timedelta(hours=chance.randrange(30 * 24 * MONTHS))).isoformat(),
            "properties": {"v": chance.randrange(1_000), "course": f"c-{chance.randrange(3)}"},
        }
        for _ in range(number)
    ]


def send_all_the_time(sender: LoggedSender, stop: threading.Event, chance: random.Random) -> None:
    before: list[dict[str, Any]] = []
    while not stop.is_set():
        batch = some_events(chance, 40)
        sender.send_until_accepted([*batch, *before[:10]])
        before = batch
        stop.wait(0.05)


def kill_and_go_on(group: Group) -> None:
    """Every third kill takes the supervisor too, which keeps its backoff short."""
    if group.kills % 3 == 2:
        group.kill_all()
        group.start()
    else:
        group.kill_worker()
        group.release()


def test_rollups_that_are_filled_under_kills_hold_what_the_events_say(group: Group) -> None:
    chance = random.Random(20261123)
    sender, asker = group.sender(), Asker(group)
    sender.send_until_accepted(some_events(chance, 3_000))
    group.wait_drained()
    for name, sql in ROLLUPS.items():
        asker.call("POST", "/rollups", json={"name": name, "sql": sql}).raise_for_status()
    stop = threading.Event()
    sending = threading.Thread(target=send_all_the_time, args=(sender, stop, random.Random(7)), daemon=True)
    sending.start()
    seen: set[str] = set()
    try:
        for kill in range(KILLS):
            name = list(ROLLUPS)[kill % 2]
            if kill >= 2 and (found := asker.rollup(name)) is not None and found["state"] == "active":
                asker.call("POST", f"/rollups/{name}/pause")
                asker.call("POST", f"/rollups/{name}/resume")
            time.sleep(chance.random())  # any instant will do: before its view, between two months, at the last look
            found = asker.rollup(name)
            seen.add("nobody answers" if found is None else f"{found['state']} {(found['progress'] or {}).get('days_done', 0) > 0}")
            kill_and_go_on(group)
        for name in ROLLUPS:
            wait_for(lambda name=name: (asker.rollup(name) or {}).get("state") == "active", f"{name} filled", 2 * PATIENCE_SECONDS)
        for _ in range(2):  # in the middle of a batch, with the views there
            time.sleep(chance.random())
            kill_and_go_on(group)
    finally:
        stop.set()
        sending.join()
    group.wait_drained()
    print(f"killed while {sorted(seen)}")
    for name, sql in ROLLUPS.items():
        truth = asker.rows(f"SELECT * FROM ({sql}) ORDER BY ALL")
        assert len(truth) > 20
        assert asker.rows(f"SELECT * FROM {name} ORDER BY ALL") == truth, name
        assert (asker.rollup(name) or {})["state"] == "active"
