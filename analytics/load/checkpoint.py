"""How far each file has been loaded, kept in a small JSON file, so that a broken-off load goes on where it was."""

import json
from pathlib import Path
from typing import Any, cast

from analytics.errors import InvalidRequestError
from analytics.load.sources import Source


class Checkpoint:
    """The file `path`: for each source by its absolute name, the last row of which it and all before are answered for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[str, int] = {}
        if path.exists():
            try:
                found: Any = json.loads(path.read_text("utf-8"))
                self._done = {str(name): int(number) for name, number in cast(dict[str, Any], found).items()}
            except (ValueError, AttributeError, TypeError) as error:
                raise InvalidRequestError(f"{path} is not a checkpoint of `analytics load`.") from error

    def done(self, source: Source) -> int:
        """The last row of `source` that needs no sending; 0 at first."""
        return self._done.get(_key(source), 0)

    def advance(self, source: Source, row: int) -> None:
        """All rows of `source` up to `row` are done."""
        self._done[_key(source)] = max(row, self.done(source))

    def save(self) -> None:
        """Write the file, whole or not at all."""
        unfinished = self._path.with_name(self._path.name + ".new")
        unfinished.write_text(json.dumps(self._done, indent=1) + "\n", "utf-8")
        unfinished.replace(self._path)


def _key(source: Source) -> str:
    return "-" if source.path is None else str(source.path.resolve())
