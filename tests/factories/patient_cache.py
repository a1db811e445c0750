"""A Redis that answers late on a busy machine, and is not away for that."""

from analytics.cache.connection import Cache

PATIENT_SECONDS = 5.0  # longer than the service waits


def patient_cache(url: str) -> Cache:
    """Of the Redis at `url`, for tests in which it is there all the time."""
    return Cache(url, connect_seconds=PATIENT_SECONDS, answer_seconds=PATIENT_SECONDS)
