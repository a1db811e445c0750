"""Merging yields to answers and inserts, and to nothing else."""

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import os, sys, threading
from analytics.warehouse.merge_threads import let_merges_yield

os.nice(int(sys.argv[1]))
merging, other, done = threading.Event(), threading.Event(), threading.Event()
nice = {}

def work(name, started):
    if name:
        with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as comm:
            comm.write(name)
    started.set()
    done.wait()
    nice[name] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

threads = [threading.Thread(target=work, args=given) for given in (("MergeMutate", merging), ("", other))]
for thread in threads:
    thread.start()
merging.wait(), other.wait()
counts = let_merges_yield(), let_merges_yield()
done.set()
for thread in threads:
    thread.join()
print(*counts, nice["MergeMutate"], nice[""])
"""


@pytest.mark.parametrize("own", [0, 5, 15])
def test_threads_that_merge_are_nicer_than_the_service_and_no_other_is(own: int) -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, str(own)], stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    service = min(19, os.getpriority(os.PRIO_PROCESS, 0) + own)
    assert list(map(int, done.stdout.split())) == [1, 1, min(19, service + 12), service]
