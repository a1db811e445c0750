"""Erasures of persons."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from analytics.api.schemas.base import Answer, Body, UtcTime
from analytics.metadata.erasures import Erasure, Status

PersonId = Annotated[str, Field(min_length=1, max_length=200, pattern="^[^\x00]*$")]


class WantedErasure(Body):
    """Whom: one of the three."""

    user_id: PersonId | None = None
    anonymous_id: PersonId | None = None
    ids: Annotated[list[PersonId], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(given is not None for given in (self.user_id, self.anonymous_id, self.ids)) != 1:
            raise ValueError("give one of user_id, anonymous_id and ids")
        return self

    def all_ids(self) -> tuple[str, ...]:
        """The ids it names, each once."""
        return tuple(dict.fromkeys(self.ids or [text for text in (self.user_id, self.anonymous_id) if text is not None]))


class StoreReceipt(Answer):
    """Entries of the person in one store: found before, removed, and left at the last look."""

    found: int
    removed: int
    left: int


class ErasureReceipt(Answer):
    """`ids`: keyed hashes of all ids, linked ones included. `mentions`: events of others that hold one of them in their properties.

    `log_dropped`: whether PostgreSQL dropped its log of writes, in which the person may stand; null if that was not kept.
    """

    ids: list[str]
    stores: dict[str, StoreReceipt]
    mentions: int
    verified_at: UtcTime
    log_dropped: bool | None = None


class ErasureAnswer(Answer):
    """One erasure; the receipt is there once it is finished."""

    id: str
    status: Status
    phase: str
    requested_at: UtcTime
    finished_at: UtcTime | None
    receipt: ErasureReceipt | None
    error: str | None

    @classmethod
    def of(cls, erasure: Erasure) -> "ErasureAnswer":
        """The answer that shows `erasure`."""
        receipt: dict[str, Any] = dict(erasure.receipt)
        return cls(
            id=erasure.id,
            status=erasure.status,
            phase=erasure.phase,
            requested_at=erasure.requested_at,
            finished_at=erasure.finished_at,
            receipt=ErasureReceipt.model_validate(receipt) if receipt else None,
            error=erasure.error,
        )
