"""The threads of embedded chDB that merge parts in the background.

Merging can wait; an answer and an insert cannot. Where all of them want the same processors, merges get less: a fifteenth of what another
thread gets at most. That takes a tenth more events a second than a fifth did, and is enough to keep step with ingestion, since no thread
wants a processor all the time, and the engine itself slows inserts down where parts pile up. A policy that gives merges nothing at all
(SCHED_IDLE) takes no more, and starves them where other programs keep the processors busy; and an ordinary user cannot take it back.
"""

import contextlib
import os
from pathlib import Path

_NAME = "MergeMutate"
_NICER = 12  # than the service itself: a weight of a fifteenth
_MOST_NICE = 19


def let_merges_yield() -> int:
    """Lower the priority of this process's merging threads, which the engine has started by its first insert; how many there are."""
    count = 0
    nice = min(_MOST_NICE, os.getpriority(os.PRIO_PROCESS, os.getpid()) + _NICER)
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that just ended
            if (task / "comm").read_text().strip() == _NAME:
                os.setpriority(os.PRIO_PROCESS, int(task.name), nice)
                count += 1
    return count
