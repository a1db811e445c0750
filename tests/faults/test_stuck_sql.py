"""A query of SQL that nothing ends: the worker makes way for the next one, and no event is lost or counted twice."""

import threading
from collections.abc import Callable

import httpx

from tests.faults.harness import PASSWORD, Group
from tests.faults.test_engine_refuses import make_events
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for

# One call that goes on for many minutes, whatever the limits say. Its size is no constant that the gate could see.
STUCK = "SELECT length(extractAll(repeat('a', 1000 * 1000), 'a*b|a'))"


def test_a_query_that_nothing_ends_has_the_worker_started_anew_without_loss(make_group: Callable[..., Group]) -> None:
    seconds = '{"admin": {"seconds": 1}}'
    group = make_group(sql_limits=seconds, sql_grace_seconds="1", drain_timeout_seconds="3").start()
    sender = group.sender()
    sender.send_until_accepted(make_events(50))
    worker = group.worker()
    form = {"username": "admin@example.com", "password": PASSWORD}
    token = httpx.post(f"{group.url}/v1/auth/token", data=form, timeout=PATIENCE_SECONDS).json()["access_token"]
    analyst = httpx.Client(
        base_url=f"{group.url}/v1/projects/default", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_SECONDS
    )
    told: list[tuple[int, str]] = []

    def ask() -> None:
        answer = analyst.post("/sql", json={"sql": STUCK})
        told.append((answer.status_code, answer.json()["code"]))

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    assert told == [(422, "limit-exceeded")]
    while group.worker() == worker:  # events go on all the while
        sender.send_until_accepted(make_events(5))
    wait_for(lambda: analyst.post("/sql", json={"sql": "SELECT 1"}).status_code == 200, "SQL to be on again")
    assert analyst.post("/sql", json={"sql": "SELECT count() FROM events"}).status_code == 200
    analyst.close()
    assert "worker is started anew: a query of SQL does not end" in group.service.log()
    assert "how='signal SIGTERM'" in group.service.log(), "it closed what it had open, and was not killed"
    sender.log.expect_exactly(group.stored())
