"""A query of SQL that nothing ends: the worker makes way for the next one, no event is lost, and whose query it was waits."""

import threading
from collections.abc import Callable

import httpx

from tests.faults.harness import PASSWORD, Group
from tests.faults.test_engine_refuses import make_events
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for

# One call that goes on for many minutes, whatever the limits say. Its size is no constant that the gate could see.
STUCK = "SELECT length(extractAll(repeat('a', 1000 * 1000), 'a*b|a'))"
PROJECT = "/v1/projects/default"


def signed_in(group: Group, email: str) -> httpx.Client:
    form = {"username": email, "password": PASSWORD}
    token = httpx.post(f"{group.url}/v1/auth/token", data=form, timeout=PATIENCE_SECONDS).json()["access_token"]
    return httpx.Client(base_url=group.url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_SECONDS)


def test_who_has_the_worker_started_anew_by_a_query_that_nothing_ends_waits_and_nobody_else(make_group: Callable[..., Group]) -> None:
    seconds = '{"analyst": {"seconds": 1}}'
    group = make_group(sql_limits=seconds, sql_grace_seconds="1", drain_timeout_seconds="3").start()
    sender = group.sender()
    sender.send_until_accepted(make_events(50))
    worker = group.worker()
    with signed_in(group, "admin@example.com") as owner:
        for name in ("anna", "ben"):
            person = {"email": f"{name}@example.org", "password": PASSWORD, "name": name}
            assert owner.post("/v1/users", json=person).status_code == 201
            assert owner.put(f"{PROJECT}/members/{person['email']}", json={"role": "analyst"}).status_code == 200
        with signed_in(group, "anna@example.org") as anna, signed_in(group, "ben@example.org") as ben:
            told: list[tuple[int, str]] = []

            def ask() -> None:
                answer = anna.post(f"{PROJECT}/sql", json={"sql": STUCK})
                told.append((answer.status_code, answer.json()["code"]))

            asking = threading.Thread(target=ask)
            asking.start()
            asking.join()
            assert told == [(422, "limit-exceeded")]
            while group.worker() == worker:  # events go on all the while
                sender.send_until_accepted(make_events(5))
            counts = {"sql": "SELECT count() FROM events"}
            wait_for(lambda: ben.post(f"{PROJECT}/sql", json=counts).status_code == 200, "SQL to be on again")
            refused = anna.post(f"{PROJECT}/sql", json=counts)
            assert (refused.status_code, refused.json()["code"]) == (429, "sql-suspended")
            assert 0 < int(refused.headers["retry-after"]) <= 600
            found = owner.get(f"{PROJECT}/sql/suspensions").json()["items"]
            assert {one["kind"] for one in found} == {"caller", "statement"}
            for one in found:
                assert owner.delete(f"{PROJECT}/sql/suspensions/{one['id']}").status_code == 204
            assert anna.post(f"{PROJECT}/sql", json=counts).status_code == 200
    assert "worker is started anew: a query of SQL does not end" in group.service.log()
    assert "how='signal SIGTERM'" in group.service.log(), "it closed what it had open, and was not killed"
    sender.log.expect_exactly(group.stored())
