"""What a tile's chart may be: one view in Vega-Lite that draws the rows it is given and does nothing else.

A specification of Vega-Lite is a small program: it may name data to fetch, expressions to evaluate, links and images. So the check
is a list of what is known to be harmless, and what is not on it is refused; the schema of Vega-Lite comes after it. The one thing to
know: a chart holds no data. Rows are put in under the name DATA_NAME by the service when it draws, and by whoever draws them elsewhere.
"""

import importlib.metadata
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote

import jsonschema_rs

from analytics.errors import InvalidRequestError

DATA_NAME = "answer"
SCHEMA_URL = "https://vega.github.io/schema/vega-lite/v6.json"
VEGA_LITE = "6.1"  # of those that are drawn with, the one whose schema is checked
MAX_CHARACTERS = 32_000
MAX_DEPTH = 20
MAX_LAYERS = 2  # within each other
MAX_NODES = 3_000
_LARGEST = 1e15
_MOST_PARTS = 1_000
# How many of something are drawn: a picture that is given up after its time holds a place meanwhile.
_COUNTS = frozenset({"tickCount", "steps", "minsteps", "maxsteps", "maxbins", "count", "nice", "order"})
_KNOWN_SCHEMA = re.compile(r"https://vega\.github\.io/schema/vega-lite/v6(\.\d+){0,2}\.json\Z")
_SCHEMA_FILE = "altair/vegalite/v6/schema/vega-lite-schema.json"
_VIEW = frozenset({"description", "mark", "encoding", "layer", "transform", "resolve"})
_MARKS = frozenset(
    {"arc", "area", "bar", "boxplot", "circle", "errorband", "errorbar", "line", "point", "rect", "rule", "square", "text", "tick", "trail"}
)
_CHANNELS = frozenset(
    {"x", "y", "x2", "y2", "xOffset", "yOffset", "xError", "yError", "xError2", "yError2"}
    | {"theta", "theta2", "radius", "radius2", "angle", "size", "shape", "text", "tooltip", "detail", "order"}
    | {"color", "fill", "stroke", "opacity", "fillOpacity", "strokeOpacity", "strokeWidth", "strokeDash"}
)
_TRANSFORMS = frozenset(
    {"aggregate", "joinaggregate", "bin", "timeUnit", "fold", "stack", "window", "impute", "pivot", "flatten", "filter", "sample"}
    | {"regression", "loess", "quantile", "density"}
)
# Wherever they stand they fetch, link, evaluate, or bring data, settings or controls of their own.
_NOWHERE = frozenset(
    {"$schema", "data", "datasets", "url", "href", "from", "lookup", "usermeta", "config", "locale", "projection"}
    | {"expr", "signal", "calculate", "labelExpr", "bind", "param", "params", "repeat"}
)
_FIELDS = frozenset({"field", "groupby", "pivot", "fold", "flatten", "stack", "impute", "density", "quantile", "loess", "regression", "as"})
_FIELD = re.compile(r"[^\W\d][\w .%-]{0,199}\Z")
_ACTIVE_TEXT = re.compile(r"url\s*\(|\w\s*:\s*//|^\s*//|javascript\s*:|data\s*:|<\s*[a-z/!?]|expression\s*\(|&#|@import", re.IGNORECASE)
_HIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_FORMAT_TYPES = ("number", "time")


def checked_chart(spec: Any, pointer: str = "") -> dict[str, Any]:
    """The chart without its `$schema`. `pointer` is where it stands. Blocks for some milliseconds; for a thread.

    Raises InvalidRequestError naming the place of what is not drawn here.
    """
    if not isinstance(spec, Mapping):
        raise InvalidRequestError.at(pointer, "must be a Vega-Lite specification")
    chart = dict(cast(Mapping[str, Any], spec))
    schema = chart.pop("$schema", None)
    if schema is not None and not (isinstance(schema, str) and _KNOWN_SCHEMA.match(schema)):
        raise InvalidRequestError.at(f"{pointer}/$schema", f"must be that of Vega-Lite 6, {SCHEMA_URL}, or absent")
    _Check().walk(chart, pointer)
    if len(json.dumps(chart)) > MAX_CHARACTERS:
        raise InvalidRequestError.at(pointer, f"must not be longer than {MAX_CHARACTERS:,} characters")
    _check_view(chart, pointer, 0)
    _check_schema(chart, pointer)
    return chart


class _Check:
    """What holds wherever something stands."""

    def __init__(self) -> None:
        self._nodes = 0

    def walk(self, value: Any, pointer: str, depth: int = 0, *, is_field: bool = False) -> None:
        """Raises InvalidRequestError. `is_field`: a text here names a column."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise InvalidRequestError.at(pointer, f"must not be deeper than {MAX_DEPTH} or have more than {MAX_NODES:,} members")
        if isinstance(value, str):
            _check_text(value, pointer)
            if is_field and not _FIELD.match(value):
                raise InvalidRequestError.at(
                    pointer, "must be the name of a column: a letter or _, then letters, digits, _, blanks, dots, % and -"
                )
        elif isinstance(value, Mapping):
            for key, inner in cast(Mapping[str, Any], value).items():
                at = f"{pointer}/{key[:100].replace('~', '~0').replace('/', '~1')}"
                _check_member(key, inner, at)
                self.walk(inner, at, depth + 1, is_field=key in _FIELDS)
        elif isinstance(value, list):
            for place, item in enumerate(cast(Sequence[Any], value)):
                self.walk(item, f"{pointer}/{place}", depth + 1, is_field=is_field)
        elif isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:  # neither is NaN
            raise InvalidRequestError.at(pointer, "must be a number that a picture can use")


def _check_member(name: str, value: Any, pointer: str) -> None:
    if name in _NOWHERE:
        raise InvalidRequestError.at(pointer, "is not drawn here: a chart draws the rows of its question, and nothing else")
    _check_text(name, pointer)
    if name == "formatType" and value not in _FORMAT_TYPES:
        raise InvalidRequestError.at(pointer, f"must be one of {', '.join(_FORMAT_TYPES)}")
    if name == "format" and not isinstance(value, str):
        raise InvalidRequestError.at(pointer, "must be a text")
    if name in _COUNTS and isinstance(value, int | float) and value > _MOST_PARTS:
        raise InvalidRequestError.at(pointer, f"must not be more than {_MOST_PARTS:,}")
    if name in ("test", "filter"):
        check_predicate(value, pointer)


def _check_text(text: str, pointer: str) -> None:
    if _ACTIVE_TEXT.search(text) or _HIDDEN.search(text):
        raise InvalidRequestError.at(pointer, "must not hold addresses, markup, scripts or control characters")


def check_predicate(value: Any, pointer: str) -> None:
    """A condition that is an object, not an expression. Raises InvalidRequestError."""
    if isinstance(value, Mapping):
        members = cast(Mapping[str, Any], value)
        for joined in ("and", "or"):
            if joined in members:
                for place, item in enumerate(cast(Sequence[Any], members[joined]) if isinstance(members[joined], list) else [None]):
                    check_predicate(item, f"{pointer}/{joined}/{place}")
                return
        if "not" in members:
            check_predicate(members["not"], f"{pointer}/not")
            return
        if "field" in members:
            return
    raise InvalidRequestError.at(
        pointer, 'must be a condition on a field, such as {"field": "score", "gte": 0.5}: expressions are not evaluated here'
    )


def _check_view(view: Mapping[str, Any], pointer: str, layers: int) -> None:
    for name in view:
        if name not in _VIEW:
            raise InvalidRequestError.at(
                f"{pointer}/{name[:100]}", f"is none of {', '.join(sorted(_VIEW))}: a tile is one view, and its place decides its size"
            )
    mark = view.get("mark")
    kind = cast(Mapping[str, Any], mark).get("type") if isinstance(mark, Mapping) else mark
    if mark is not None and not (isinstance(kind, str) and kind in _MARKS):
        raise InvalidRequestError.at(f"{pointer}/mark", f"must be one of {', '.join(sorted(_MARKS))}")
    encoding = view.get("encoding", {})
    for channel in cast(Mapping[str, Any], encoding) if isinstance(encoding, Mapping) else ():
        if channel not in _CHANNELS:
            raise InvalidRequestError.at(f"{pointer}/encoding/{channel[:100]}", f"is none of {', '.join(sorted(_CHANNELS))}")
    transform = view.get("transform", [])
    for place, step in enumerate(cast(Sequence[Any], transform) if isinstance(transform, list) else ()):
        if not isinstance(step, Mapping) or not _TRANSFORMS & cast(Mapping[str, Any], step).keys():
            raise InvalidRequestError.at(f"{pointer}/transform/{place}", f"must be one of {', '.join(sorted(_TRANSFORMS))}")
    inner = view.get("layer", [])
    for place, layer in enumerate(cast(Sequence[Any], inner) if isinstance(inner, list) else ()):
        if layers >= MAX_LAYERS or not isinstance(layer, Mapping):
            raise InvalidRequestError.at(f"{pointer}/layer/{place}", f"must be a view, at most {MAX_LAYERS} layers deep")
        _check_view(cast(Mapping[str, Any], layer), f"{pointer}/layer/{place}", layers + 1)


def _check_schema(chart: Mapping[str, Any], pointer: str) -> None:
    error = next(iter(_validator().iter_errors({"data": {"name": DATA_NAME}, **chart})), None)
    if error is None:
        return
    place, reason = _deepest(error)
    steps = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in place)
    raise InvalidRequestError.at(f"{pointer}{steps}", f"is not Vega-Lite 6: {reason[:200]}")


def _deepest(error: Any) -> tuple[list[Any], str]:
    """Of all the alternatives of an `anyOf` that failed, the failure that came furthest is what was meant."""
    best: tuple[list[Any], str] = (list(error.instance_path), str(error.message))
    for branch in getattr(error.kind, "context", None) or ():
        for inner in branch:
            found = _deepest(inner)
            if len(found[0]) > len(best[0]):
                best = found
    return best


@lru_cache(maxsize=1)
def _validator() -> Any:
    file = importlib.metadata.distribution("altair").locate_file(_SCHEMA_FILE)
    return jsonschema_rs.Draft7Validator(json.loads(Path(str(file)).read_text("utf-8"), object_hook=_with_plain_reference))


def _with_plain_reference(part: dict[str, Any]) -> dict[str, Any]:
    """Names of definitions hold characters, such as < and |, that a reference must write in another way."""
    reference = part.get("$ref")
    return {**part, "$ref": quote(unquote(reference), safe="#/")} if isinstance(reference, str) else part
