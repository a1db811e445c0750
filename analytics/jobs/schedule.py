"""When a job is due, computed from what was, and from nothing else: no clock is read here."""

from datetime import datetime, timedelta

QUIET_HOUR = 3  # UTC
AGAIN_AFTER_FAILURE = timedelta(minutes=15)


def reconciliation_is_due(
    now: datetime, last_finished: datetime | None, first_event: datetime | None, last_tried: datetime | None = None
) -> bool:
    """Whether a daily reconciliation should begin: the first quiet hour since the last finished one began has come.

    Before there was any it is counted from the receipt of the first event; without events nothing is due. One that did not end well
    (`last_tried` is when it began) is tried again a quarter of an hour later. All times are aware.
    """
    since = last_finished or first_event
    if since is None:
        return False
    if last_tried is not None and last_tried > since and now - last_tried < AGAIN_AFTER_FAILURE:
        return False
    return now >= next_quiet_hour(since)


def next_quiet_hour(instant: datetime) -> datetime:
    """The first beginning of a quiet hour after `instant`: a day later at most."""
    today = instant.replace(hour=QUIET_HOUR, minute=0, second=0, microsecond=0)
    return today if today > instant else today + timedelta(days=1)
