"""The gate between two batches."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from analytics.errors import WarehouseUnavailableError
from analytics.writer.gate import Gate
from tests.fixtures.patience import PATIENCE_SECONDS


@contextmanager
def beginning(gate: Gate) -> Iterator[threading.Event]:
    """A writer that begins a batch; the event is set once it has."""
    begun = threading.Event()

    def work() -> None:
        gate.begin()
        begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    yield begun
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_nobody_gets_in_while_the_writer_starts_or_has_a_batch_under_way() -> None:
    gate = Gate()
    with pytest.raises(WarehouseUnavailableError), gate.held(0.01):
        pass
    gate.end()
    with gate.held(0) as hold:
        assert hold.intact()
    gate.begin()
    with pytest.raises(WarehouseUnavailableError), gate.held(0.01):
        pass


def test_a_batch_waits_for_the_end_of_a_hold() -> None:
    gate = Gate(longest_seconds=60)
    gate.end()
    with ExitStack() as held:
        hold = held.enter_context(gate.held(0))
        with beginning(gate) as begun:
            assert not begun.wait(0.1)
            assert hold.intact()
            held.close()
            assert begun.wait(PATIENCE_SECONDS)


def test_who_waits_gets_in_between_two_batches() -> None:
    gate = Gate(longest_seconds=60)
    asked, held, go_on = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        asked.set()
        with gate.held(PATIENCE_SECONDS):
            held.set()
            go_on.wait(PATIENCE_SECONDS)

    holder = threading.Thread(target=work)  # the gate is busy still: it has to wait
    holder.start()
    asked.wait(PATIENCE_SECONDS)
    while not gate._holds:  # pyright: ignore
        time.sleep(0.001)
    gate.end()
    with beginning(gate) as begun:  # the next batch at once: it must not overtake
        assert held.wait(PATIENCE_SECONDS)
        assert not begun.is_set()
        go_on.set()
    holder.join(PATIENCE_SECONDS)


def test_a_hold_that_lasts_too_long_is_passed_and_knows_it() -> None:
    gate = Gate(longest_seconds=0.01)
    gate.end()
    with gate.held(0) as hold, beginning(gate) as begun:
        assert begun.wait(PATIENCE_SECONDS)
        assert not hold.intact()


def test_behind_a_writer_that_is_gone_nobody_gets_in() -> None:
    gate = Gate()
    gate.end()
    gate.close()
    with pytest.raises(WarehouseUnavailableError), gate.held(0):
        pass
