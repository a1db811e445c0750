"""The functions an analyst may call, read once from allowed_functions.txt; the one thing to know: what is not in it is unknown.

Case matters to the engine for most functions and not for some; an aggregate may carry combinators, each of which makes a new name of it.
"""

import re
from functools import cache
from importlib.resources import files

from analytics.errors import UnknownFunctionError
from analytics.fence.refusal import RefusedError

# Names the parser gives to syntax: `x -> y`, EXISTS (…), GROUPING(…).
SYNTAX = frozenset({"lambda", "exists", "grouping"})
# Longest first: `OrNull` before `Null` would matter, and the engine looks for the longest suffix too.
COMBINATORS = (
    "SimpleState",
    "OrDefault",
    "Distinct",
    "Resample",
    "ForEach",
    "ArgMax",
    "ArgMin",
    "OrNull",
    "Merge",
    "State",
    "Array",
    "Map",
    "If",
)
_MAX_COMBINATORS = 4
_AGGREGATE_TEXT = re.compile(r"(\w+)(?:\(([0-9eE.,+\- ]|'[\w ]*')*\))?")


def check_function(name: str) -> None:
    """Raises RefusedError unless an analyst may call the function."""
    if name not in SYNTAX and not _is_listed(name, scalars=True) and not is_aggregate(name):
        raise unknown_function(name)


def check_aggregate_text(text: str, caller: str) -> None:
    """Checks an aggregate that is named in a text, as in `arrayReduce('quantile(0.5)', …)`. Raises RefusedError."""
    match = _AGGREGATE_TEXT.fullmatch(text)
    if match is None:
        raise RefusedError(f"{caller} takes the plain name of an aggregate function, with numbers in brackets if it needs them.", text)
    if not is_aggregate(match[1]):
        raise RefusedError(f"There is no aggregate function {match[1]}.", text, kind=UnknownFunctionError)


def is_aggregate(name: str) -> bool:
    """Whether it is an allowed aggregate function, with allowed combinators."""
    for _ in range(_MAX_COMBINATORS + 1):
        if _is_listed(name, scalars=False):
            return True
        suffix = next((suffix for suffix in COMBINATORS if name.endswith(suffix) and len(name) > len(suffix)), None)
        if suffix is None:
            return False
        name = name.removesuffix(suffix)
    return False


def unknown_function(name: str) -> RefusedError:
    """The refusal of a name: the same words whether the engine has such a function or not."""
    return RefusedError(f"There is no function {name[:100]} here.", name, kind=UnknownFunctionError, called=True)


def _is_listed(name: str, *, scalars: bool) -> bool:
    names = allowed_functions()["scalar" if scalars else "aggregate"]
    return name in names or f"{name.lower()}*" in names


@cache
def allowed_functions() -> dict[str, frozenset[str]]:
    """`scalar` and `aggregate`: names as written; one that may be written in any case also in small letters with a star."""
    lists: dict[str, set[str]] = {}
    section: set[str] = set()
    for line in (files("analytics.fence") / "allowed_functions.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            section = lists.setdefault(line.strip("[]"), set())
        elif not line.startswith("#"):
            for entry in line.split():
                name = entry.rstrip("*")
                section.add(name)
                if entry.endswith("*"):
                    section.add(f"{name.lower()}*")
    return {name: frozenset(names) for name, names in lists.items()}
