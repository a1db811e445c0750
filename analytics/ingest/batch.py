"""Events of one project on their way in, as columns of equal length.

Text columns are lists of `str | None`; times are numpy arrays of ms since 1970 UTC. Steps change columns in place; a step that refuses an
event notes it with `refuse`, and `kept` drops the refused at the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from analytics.domain.project import Project
from analytics.domain.verdict import Reason
from analytics.ingest.sent_event import Campaign, Context, Event, Page

Texts = Sequence[str | None]

_NO_CONTEXT = Context()
_NO_PAGE = Page()
_NO_CAMPAIGN = Campaign()


@dataclass(slots=True)
class EventBatch:
    """Columns of the events of one project, received at one instant; `sender_ips` is the address each request came from."""

    project: Project
    received_ms: int
    sender_ips: Sequence[str]
    event: Sequence[str]
    user_id: Texts
    anonymous_id: Texts
    event_id: Texts
    session_id: Texts
    timestamp: Sequence[str | int | float | None]
    sent_at: Sequence[str | int | float | None]
    properties: list[bytes]
    ip: Texts
    user_agent: Texts
    locale: Texts
    timezone: Texts
    page_url: Texts
    page_title: Texts
    referrer: Texts
    campaign: dict[str, Texts]
    context_extra: Texts | None
    country: Texts | None = None
    timestamp_ms: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    kept_values: Mapping[int, frozenset[tuple[str, str]]] = field(default_factory=dict[int, frozenset[tuple[str, str]]])  # see personal.py
    refused: dict[int, tuple[Reason, str]] = field(default_factory=dict[int, tuple[Reason, str]])

    def __len__(self) -> int:
        return len(self.event)

    def refuse(self, index: int, reason: Reason, detail: str) -> None:
        """Mark an event as refused; its first reason stays."""
        self.refused.setdefault(index, (reason, detail))


def make_batch(project: Project, received_ms: int, events: Sequence[Event], sender_ips: Sequence[str]) -> EventBatch:
    """Columns of `events` (at least one)."""
    # A list a member: tuples of whole events would be tens of thousands of objects for the garbage collector to walk.
    contexts = [event.context or _NO_CONTEXT for event in events]
    pages = [context.page or _NO_PAGE for context in contexts]
    extras = [event.extra for event in events]
    campaign = dict[str, Texts]()
    named = [context.campaign for context in contexts]
    if any(named):
        campaigns = [found or _NO_CAMPAIGN for found in named]
        campaign |= {
            "source": [found.source for found in campaigns],
            "medium": [found.medium for found in campaigns],
            "name": [found.name for found in campaigns],
            "term": [found.term for found in campaigns],
            "content": [found.content for found in campaigns],
        }
    return EventBatch(
        project,
        received_ms,
        sender_ips,
        [event.event for event in events],
        [event.user_id for event in events],
        [event.anonymous_id for event in events],
        [event.event_id for event in events],
        [event.session_id for event in events],
        [event.timestamp for event in events],
        [event.sent_at for event in events],
        [bytes(event.properties) for event in events],
        [context.ip for context in contexts],
        [context.user_agent for context in contexts],
        [context.locale for context in contexts],
        [context.timezone for context in contexts],
        [page.url for page in pages],
        [page.title for page in pages],
        [page.referrer for page in pages],
        campaign,
        None if extras.count(UNSET) == len(extras) else [None if extra is UNSET else extra for extra in extras],
    )
