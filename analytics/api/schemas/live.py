"""Answers of the live routes, and the data of the stream's events."""

from typing import Any

from pydantic import Field

from analytics.api.schemas.base import Answer


class EventCountAnswer(Answer):
    event: str = Field(description="Name; empty: all names beyond the 300 that are told apart in a minute.")
    count: int


class LiveCountersAnswer(Answer):
    """The event `counters` of the stream, each second."""

    available: bool = Field(description="False while the counters cannot be read; the numbers are then null.")
    at: str = Field(description="When the counters were read.")
    events_per_second: float | None = Field(description="Mean of the last 10 whole seconds, by time of receipt.")
    per_second: list[int] | None = Field(description="Events received in each of the last 60 whole seconds, oldest first.")
    active_users: int | None = Field(description="Users of the last 5 minutes.")
    active_users_estimate: bool | None = Field(description="True: HyperLogLog, standard error 0.8 %; false: exact.")
    active_sessions: int | None = Field(description="Sessions of the last 30 minutes.")
    active_sessions_estimate: bool | None
    top_events: list[EventCountAnswer] | None = Field(description="Most frequent names of the last 5 minutes.")
    top_events_hour: list[EventCountAnswer] | None = Field(description="Most frequent names of the last 60 minutes.")
    events_today: int | None = Field(description="Events received since 00:00 UTC; null if not known.")


class LiveEventAnswer(Answer):
    """The event `event` of the stream: a sample of what is stored. Without the right to personal data only the first three members."""

    event: str
    timestamp: str
    received_at: str
    event_id: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    properties: dict[str, Any] | None = None


class LiveTicketAnswer(Answer):
    ticket: str = Field(description="Good once, as `?ticket=` of the stream.")
    expires_in: int = Field(description="Seconds.")
