"""How often Python's garbage collector looks at what lives."""

import gc


def tune_garbage_collection() -> None:
    """Leave what the start made alone for good, and look at the rest less often.

    A request of hundreds of events is thousands of objects, which go by themselves when it is answered. With Python's own thresholds the
    collector walks them again and again while they live: a third of the time of taking events in (benchmarks/README.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
