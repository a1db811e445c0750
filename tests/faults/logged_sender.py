"""A client that writes down what it sent and what it was told: the side that a service cannot talk out of its losses."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from tests.faults.stored_state import StoredState

Event = Mapping[str, Any]


def content_of(event: Event) -> tuple[str, str, int | None]:
    """What tells two contents of the same id apart: name, user, and the number `v` in its properties."""
    return event["event"], event.get("user_id", ""), event.get("properties", {}).get("v")


@dataclass
class AnswerLog:
    """What was sent under each id, and which ids were acknowledged. Safe to use from many threads."""

    contents: dict[str, list[tuple[str, str, int | None]]] = field(default_factory=dict[str, list[tuple[str, str, int | None]]])
    acknowledged: set[str] = field(default_factory=set[str])
    refused: Counter[str] = field(default_factory=Counter[str])  # by id: answers that refused it
    sent: Counter[str] = field(default_factory=Counter[str])  # by id: requests with it
    unanswered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sending(self, events: Sequence[Event]) -> None:
        """Before a request: until an id is acknowledged, any content sent may be the first stored."""
        with self.lock:
            for event in events:
                self.sent[event["event_id"]] += 1
                if event["event_id"] not in self.acknowledged:
                    self.contents.setdefault(event["event_id"], []).append(content_of(event))

    def answered(self, events: Sequence[Event], answer: Mapping[str, Any]) -> None:
        """After a 200."""
        wrong = {error["index"] for error in answer["errors"]}
        assert answer["accepted"] == len(events) - len(wrong), answer
        with self.lock:
            for index, event in enumerate(events):
                if index in wrong:
                    self.refused[event["event_id"]] += 1
                else:
                    self.acknowledged.add(event["event_id"])

    def forget(self, ids: Iterable[str]) -> None:
        """These were quarantined: they must not be stored, unless they are sent again."""
        with self.lock:
            for event_id in ids:
                self.acknowledged.discard(event_id)
                del self.contents[event_id]

    def expect_exactly(self, stored: StoredState) -> None:
        """Each acknowledged id once in every table, with a content that may have come first; nothing else but unanswered ids."""
        lost = sorted(self.acknowledged - stored.contents.keys())
        assert not lost, f"{len(lost)} acknowledged events are lost: {lost[:5]}; {dict(stored.counts)}"
        invented = sorted(stored.contents.keys() - self.contents.keys())
        assert not invented, f"{len(invented)} events were stored that were never sent, or refused: {invented[:5]}"
        rows = len(stored.contents)
        assert {table: count[0] for table, count in stored.counts.items()} == dict.fromkeys(stored.counts, rows), (
            f"not {rows} once in every table: {dict(stored.counts)}, by name {stored.by_name}"
        )
        assert [stored.counts[table][1] for table in ("events", "user_timeline", "event_ids")] == [rows] * 3, "ids are not distinct"
        for event_id, content in stored.contents.items():
            assert content in self.contents[event_id], f"{event_id}: a later content won"
        self._expect_refusals(stored)
        names = Counter(content[0] for content in stored.contents.values())
        assert {table: dict(found) for table, found in stored.by_name.items()} == {table: dict(names) for table in stored.by_name}

    def _expect_refusals(self, stored: StoredState) -> None:
        """Each answered refusal is kept, once; an unanswered request may have left its own."""
        kept = Counter(event_id for event_id, status, _, _ in stored.rejected if status == "refused")
        wrong = {
            event_id: (kept[event_id], times)
            for event_id, times in self.refused.items()
            if not times <= kept[event_id] <= self.sent[event_id]
        }
        assert not wrong, f"refusals kept too seldom or too often (kept, answered): {wrong}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the service."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: Any


class LoggedSender:
    """Sends to a service that may die at any moment, and keeps an AnswerLog."""

    def __init__(self, url: Callable[[], str], write_key: str, log: AnswerLog | None = None) -> None:
        self._url = url
        self._key = write_key
        self.log = log or AnswerLog()

    def send(self, events: Sequence[Event], seconds: float = 30.0) -> Reply | None:
        """One request on a connection of its own; None if it was not answered."""
        self.log.sending(events)
        address = urlsplit(self._url())
        connection = HTTPConnection(address.hostname or "", address.port, timeout=seconds)
        try:
            connection.request(
                "POST", "/v1/events", json.dumps(list(events)), {"X-Write-Key": self._key, "Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            reply = Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(answer.read()))
        except (OSError, HTTPException):
            with self.log.lock:
                self.log.unanswered += 1
            return None
        finally:
            connection.close()
        if reply.status == 200:
            self.log.answered(events, reply.body)
        return reply

    def send_until_accepted(self, events: Sequence[Event], stop: threading.Event | None = None) -> None:
        """Again and again, the same batch, until it is answered with 200."""
        while stop is None or not stop.is_set():
            reply = self.send(events)
            if reply is not None and reply.status == 200:
                return
            (stop or threading.Event()).wait(0.05)
