"""A project: one tenant, its policies, and what the way in needs to know about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from analytics.domain.personal_fields import PersonalMode


class IpPolicy(StrEnum):
    """What happens to the sender's address before anything is written."""

    KEEP = "keep"
    CUT = "cut"  # last octet of IPv4, last 80 bits of IPv6 to zero
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Project:
    """`id` is opaque and goes first in every ClickHouse key; `slug` is what people type."""

    id: str
    slug: str
    name: str
    timezone: str  # IANA; fixed at creation, since per-day rows are kept in it
    created_at: datetime
    ip_policy: IpPolicy = IpPolicy.KEEP
    retention_days: int | None = None  # None: kept for ever
    event_max_bytes: int = 32_768  # 1,000,000 at most
    event_max_age_days: int | None = None  # None: back to the year 2000
    personal_fields: Mapping[str, PersonalMode] = field(default_factory=dict[str, PersonalMode], hash=False)  # domain/personal_fields.py
    suppress_below: int | None = None  # groups of fewer learners are withheld; None: all are shown
    id_seed: int = 0  # random, secret; seeds the hash of event ids, so that no other project can aim at them


MAX_EVENT_BYTES = 1_000_000
