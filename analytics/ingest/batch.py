"""Events of one project on their way in, as columns of equal length.

Text columns are lists of `str | None`; times are numpy arrays of ms since 1970 UTC. Steps change columns in place; a step that refuses an
event notes it with `refuse`, and `kept` drops the refused at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec import UNSET
from msgspec.structs import astuple
from numpy.typing import NDArray

from analytics.domain.project import Project
from analytics.domain.verdict import Reason
from analytics.ingest.sent_event import Campaign, Context, Event, Page

Texts = Sequence[str | None]

_NO_CONTEXT = Context()
_NO_PAGE = Page()
_NO_CAMPAIGN = Campaign()
_CAMPAIGN_MEMBERS = ("source", "medium", "name", "term", "content")


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
    refused: dict[int, tuple[Reason, str]] = field(default_factory=dict[int, tuple[Reason, str]])

    def __len__(self) -> int:
        return len(self.event)

    def refuse(self, index: int, reason: Reason, detail: str) -> None:
        """Mark an event as refused; its first reason stays."""
        self.refused.setdefault(index, (reason, detail))


def make_batch(project: Project, received_ms: int, events: Sequence[Event], sender_ips: Sequence[str]) -> EventBatch:
    """Columns of `events` (at least one)."""
    names, users, anonymous, ids, sessions, times, sent, properties, contexts, extras = zip(*map(astuple, events), strict=True)
    ips, agents, pages, campaigns, locales, zones = zip(*[astuple(context or _NO_CONTEXT) for context in contexts], strict=True)
    urls, titles, referrers = zip(*[astuple(page or _NO_PAGE) for page in pages], strict=True)
    if any(campaigns):
        columns = zip(*[astuple(campaign or _NO_CAMPAIGN) for campaign in campaigns], strict=True)
        campaign_columns = dict[str, Texts](zip(_CAMPAIGN_MEMBERS, columns, strict=True))
    else:
        campaign_columns = dict[str, Texts]()
    return EventBatch(
        project,
        received_ms,
        sender_ips,
        names,
        users,
        anonymous,
        ids,
        sessions,
        times,
        sent,
        list(map(bytes, properties)),
        ips,
        agents,
        locales,
        zones,
        urls,
        titles,
        referrers,
        campaign_columns,
        None if all(extra is UNSET for extra in extras) else [None if extra is UNSET else extra for extra in extras],
    )
