"""Derived columns of a batch, one step each, in order.

The second part of the way of an event (`ingest/pipeline.py` lists the first). Each step reads columns of the batch and adds or fills
others; each distinct value is looked at once, whatever the number of its events.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from analytics.domain.columns import Array, distinct_texts
from analytics.enrichment.agent import read_agent
from analytics.enrichment.page import read_url

Columns = dict[str, Array]
Step = Callable[[Columns], None]
_T = TypeVar("_T")
_CAMPAIGN = ("campaign_source", "campaign_medium", "campaign_name", "campaign_term", "campaign_content")


def read_agents(columns: Columns) -> None:
    """user_agent → browser, browser_version, os, device, is_bot."""
    indices, agents = _distinct(columns["user_agent"], read_agent)
    columns["browser"] = _spread([agent.browser for agent in agents], indices)
    columns["browser_version"] = _spread([agent.browser_version for agent in agents], indices)
    columns["os"] = _spread([agent.os for agent in agents], indices)
    columns["device"] = _spread([agent.device for agent in agents], indices)
    columns["is_bot"] = pa.array([agent.is_bot for agent in agents], pa.bool_()).take(indices).cast(pa.uint8())


def read_pages(columns: Columns) -> None:
    """page_url → page_host, page_path, and the campaign of its query where the event names none."""
    indices, pages = _distinct(columns["page_url"], read_url)
    columns["page_host"] = _spread([page.host for page in pages], indices)
    columns["page_path"] = _spread([page.path for page in pages], indices)
    if any(page.campaign for page in pages):
        named = pc.is_valid(columns["campaign_source"])
        for name in _CAMPAIGN[1:]:
            named = pc.or_(named, pc.is_valid(columns[name]))
        for position, name in enumerate(_CAMPAIGN):
            in_url = _spread([page.campaign[position] if page.campaign else None for page in pages], indices)
            columns[name] = pc.if_else(named, columns[name], in_url)


def read_referrers(columns: Columns) -> None:
    """referrer → referrer_host; a page of the same site is no referrer."""
    indices, referrers = _distinct(columns["referrer"], read_url)
    hosts = _spread([referrer.host for referrer in referrers], indices)
    columns["referrer_host"] = pc.if_else(pc.equal(hosts, columns["page_host"]), "", hosts)


STEPS: tuple[Step, ...] = (read_agents, read_pages, read_referrers)


def _distinct(column: Array, read: Callable[[str], _T]) -> tuple[Array, list[_T]]:
    indices, texts = distinct_texts(column)
    return indices, [read(text) for text in texts]


def _spread(values: Sequence[str | None], indices: Array) -> Array:
    return pa.array(values, pa.string()).take(indices)
