"""The threads of embedded chDB that merge parts in the background.

Merging can wait; an answer and an insert cannot. Where all of them want the same processors, merges get less: a fifth of what another
thread gets at most, which still is enough to keep step with ingestion, since the engine itself slows inserts down where parts pile up.
"""

import contextlib
import os
from pathlib import Path

_NAME = "MergeMutate"
_NICE = 7  # a weight of a fifth


def let_merges_yield() -> int:
    """Lower the priority of this process's merging threads, which the engine has started by its first insert; how many there are."""
    count = 0
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that just ended
            if (task / "comm").read_text().strip() == _NAME:
                os.setpriority(os.PRIO_PROCESS, int(task.name), _NICE)
                count += 1
    return count
