"""Events of erased persons are refused at the door, and nothing of them is kept but that it happened.

The one thing to know: for a project without erasures all of this is one dictionary look-up a batch.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from typing import Any, cast

from msgspec import DecodeError
from msgspec.json import Decoder

from analytics.domain.erased_ids import IdHasher
from analytics.domain.linked_ids import ALIAS, PREVIOUS_ID
from analytics.domain.verdict import Reason, Refusal
from analytics.ingest.batch import EventBatch

LONGEST_ID = 200
_anything = Decoder()


class ErasedIds:
    """`erased_of` answers the keyed hashes of a project's erased ids, good from any thread."""

    def __init__(self, erased_of: Callable[[str], Set[bytes]], hasher: IdHasher) -> None:
        self._erased_of = erased_of
        self._hasher = hasher

    def are_known(self, project_id: str) -> bool:
        """Whether anybody was erased from the project."""
        return bool(self._erased_of(project_id))

    def refuse(self, batch: EventBatch) -> None:
        """A step: refuse events that carry an erased id, as a user, as an anonymous user, or as the former id of an alias."""
        erased = self._erased_of(batch.project.id)
        if not erased:
            return
        gone = self._gone(batch.project.id, {*batch.user_id, *batch.anonymous_id}, erased)
        for index, (user, anonymous) in enumerate(zip(batch.user_id, batch.anonymous_id, strict=True)):
            if (user is not None and user in gone) or (anonymous is not None and anonymous in gone):
                _refuse(batch, index)
        for index, name in enumerate(batch.event):
            if name == ALIAS and self._gone(batch.project.id, {previous_id(batch.properties[index])}, erased):
                _refuse(batch, index)

    def is_named_in(self, project_id: str, body: bytes) -> bool:
        """Whether any text in a refused event is an erased id. What is no JSON is not looked into."""
        erased = self._erased_of(project_id)
        if not erased:
            return False
        try:
            texts = set[str | None](_texts(_anything.decode(body)))
        except (DecodeError, UnicodeDecodeError, RecursionError):
            # What cannot be read cannot be cleared of the suspicion.
            return True
        return bool(self._gone(project_id, texts, erased))

    def forget(self, project_id: str, refusals: Sequence[Refusal]) -> Sequence[Refusal]:
        """The refusals as they may be kept: of those that name an erased id neither body nor event id."""
        if not self._erased_of(project_id):
            return refusals
        return [
            replace(refusal, event_id=None, body=b"", detail=refusal.reason.value)
            if refusal.reason is Reason.ERASED_USER or self.is_named_in(project_id, refusal.body)
            else refusal
            for refusal in refusals
        ]

    def _gone(self, project_id: str, texts: set[str | None], erased: Set[bytes]) -> set[str]:
        return {text for text in texts if text is not None and self._hasher.hash(project_id, text) in erased}


def previous_id(properties: bytes) -> str | None:
    """The member `previous_id` of an alias's properties, if it is a text."""
    try:
        members: Any = _anything.decode(properties)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
    found = cast(dict[str, Any], members).get(PREVIOUS_ID) if isinstance(members, dict) else None
    return found if isinstance(found, str) else None


def _refuse(batch: EventBatch, index: int) -> None:
    batch.refuse(index, Reason.ERASED_USER, "This person's data was erased; their events are not taken any more.")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) <= LONGEST_ID:
            yield value
    elif isinstance(value, dict):
        for name, member in cast(dict[str, Any], value).items():
            yield name
            yield from _texts(member)
    elif isinstance(value, list):
        for member in cast(list[Any], value):
            yield from _texts(member)
