"""A person in the live feed of this process: the latest events, in memory."""

from analytics.cache.live_feed import LiveFeed
from analytics.privacy.subject import Subject


class ShownEvents:
    """`memory:live_feed`. In other processes it is forgotten when they pass the erasure (see passing.py)."""

    name = "memory:live_feed"

    def __init__(self, feed: LiveFeed) -> None:
        self._feed = feed

    def find(self, subject: Subject) -> int:
        return sum(
            subject.is_one_of(event.user_id)
            or subject.is_one_of(event.anonymous_id)
            or any(needle in event.properties for needle in subject.quoted)
            for event in self._feed.held(subject.project_id)
        )

    def remove(self, subject: Subject) -> None:
        self._feed.forget(subject.project_id)
