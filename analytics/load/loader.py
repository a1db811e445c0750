"""Sources to a service: batches out, verdicts back, refused rows into a file."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TextIO, cast

from analytics.load.batches import Origin, gather
from analytics.load.checkpoint import Checkpoint
from analytics.load.mapping import FieldMap
from analytics.load.sender import Answered, Outgoing, Sender
from analytics.load.sources import Identity, Row, Source

UNSENDABLE = "invalid-row"


@dataclass
class Summary:
    """What a load came to. `refused` counts by code; `skipped` rows were done before, by the checkpoint."""

    files: int = 0
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    elapsed_seconds: float = 0.0
    refused: dict[str, int] = field(default_factory=dict[str, int])

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


class Loader:
    """One load. `advance` hears the bytes read of a source; `rejects` gets one JSON line for each refused row."""

    def __init__(
        self,
        sender: Sender,
        fields: FieldMap,
        *,
        batch_events: int = 1_000,
        rejects: TextIO | None = None,
        checkpoint: Checkpoint | None = None,
        advance: Callable[[Source, int], None] = lambda source, position: None,
        tally: Callable[[Summary], None] = lambda summary: None,
    ) -> None:
        self._sender = sender
        self._fields = fields
        self._batch_events = batch_events
        self._rejects = rejects
        self._checkpoint = checkpoint
        self._advance = advance
        self._tally = tally
        self.summary = Summary()

    def run(self, sources: Sequence[Source]) -> Summary:
        """Send every row of `sources`. What was done is in `summary`, also when an error leaves here.

        Raises UnreadableBodyError for a damaged file, and what Sender.send raises.
        """
        started = saved = time.monotonic()
        try:
            for answered in self._sender.send(self._batches(sources)):
                self._note(answered)
                self.summary.elapsed_seconds = round(time.monotonic() - started, 3)
                self._tally(self.summary)
                if self._checkpoint is not None and time.monotonic() - saved > 1:
                    self._checkpoint.save()
                    saved = time.monotonic()
        finally:
            if self._checkpoint is not None:
                self._checkpoint.save()
        return self.summary

    def _batches(self, sources: Sequence[Source]) -> Iterator[Outgoing]:
        for source in sources:
            rows = source.rows(self._fields.is_plain, lambda position, source=source: self._advance(source, position))
            done = self._checkpoint.done(source) if self._checkpoint is not None else 0
            identity = Identity()
            yield from gather(source, self._after(rows, done, identity), self._fields, identity, self._batch_events)
            self.summary.files += 1

    def _after(self, rows: Iterator[Row], done: int, identity: Identity) -> Iterator[Row]:
        for row in rows:
            if row.number > done:
                yield row
                continue
            identity.see(row)
            self.summary.skipped += 1

    def _note(self, answered: Answered) -> None:
        origin = cast(Origin, answered.batch.tag)
        summary = self.summary
        summary.rows += len(origin.numbers) + len(origin.unsent)
        summary.accepted += answered.accepted
        for refused in answered.refused:
            self._refuse(origin, origin.numbers[refused.index], refused.code, refused.detail, answered.batch.lines[refused.index])
        for row in origin.unsent:
            self._refuse(origin, row.number, UNSENDABLE, row.problem, row.raw)
        if self._checkpoint is not None:
            self._checkpoint.advance(origin.source, origin.last)

    def _refuse(self, origin: Origin, number: int, code: str, detail: str, event: bytes) -> None:
        self.summary.rejected += 1
        self.summary.refused[code] = self.summary.refused.get(code, 0) + 1
        if self._rejects is not None:
            line = {"file": origin.source.name, "line": number, "code": code, "detail": detail, "event": _readable(event)}
            self._rejects.write(json.dumps(line, ensure_ascii=False) + "\n")


def _readable(event: bytes) -> Any:
    text = event.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
