"""Small groups withheld: a row about some learners, but fewer than so many, is not shown to anybody.

The one thing to know: it happens to the rows, before they are shown, drawn or sent. A group of nobody is no person and stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from analytics.answers.answer import Answer
from analytics.answers.runner import OTHER
from analytics.errors import FieldError, InvalidRequestError

Point = tuple[Any, Any]  # bucket and label


def without_small_rows(answer: Answer, column: str, least: int) -> tuple[Answer, int]:
    """`answer` without the rows whose `column` does not say that they are about nobody, or about `least` learners or more; how many went.

    Raises InvalidRequestError if there is no such column.
    """
    names = [one.name for one in answer.columns]
    if column not in names:
        detail = f"the answer has no column {column[:100]!r}"
        raise InvalidRequestError(f"Small groups cannot be withheld: {detail}.", [FieldError("/learners", detail)])
    place = names.index(column)
    kept = [row for row in answer.rows if _is_shown(row[place], least)]
    return replace(answer, rows=kept), len(answer.rows) - len(kept)


def without_small_points(answer: Answer, learners: Answer, least: int) -> tuple[Answer, int]:
    """`answer` of trends with null where fewer than `least` learners stand behind a value, and without groups that are nowhere larger.

    `learners` is the same question in learners, with at least as many groups. Of the group of all others only what its largest known
    part says is known: it is shown where that is large enough.
    """
    counted: dict[Point, dict[Any, Any]] = {}
    for bucket, label, group, value in learners.rows:
        counted.setdefault((bucket, label), {})[group] = value
    named: dict[Any, set[Any]] = {}
    for _, label, group, _ in answer.rows:
        named.setdefault(label, set()).add(group)
    rows: list[list[Any]] = []
    large: set[tuple[Any, Any]] = set()
    withheld: dict[tuple[Any, Any], int] = {}
    for bucket, label, group, value in answer.rows:
        there = counted.get((bucket, label), {})
        found = _others(there, named[label]) if group == OTHER else [there.get(group)]
        if _is_nobody(found) or any(_is_large(count, least) for count in found):
            rows.append([bucket, label, group, value])
            if not _is_nobody(found):
                large.add((label, group))
        else:
            rows.append([bucket, label, group, None])
            withheld[label, group] = withheld.get((label, group), 0) + 1
    # A group that is never large is not even named; a line without groups has no name to hide.
    hidden = {line for line in withheld if line[1] is not None and line not in large}
    kept = [row for row in rows if (row[1], row[2]) not in hidden]
    return replace(answer, rows=kept), sum(withheld.values())


def _others(there: Mapping[Any, Any], named: set[Any]) -> list[Any]:
    return [count for group, count in there.items() if group == OTHER or group not in named]


def _is_nobody(found: Sequence[Any]) -> bool:
    return bool(found) and all(count == 0 for count in found)


def _is_shown(count: Any, least: int) -> bool:
    return count == 0 or _is_large(count, least)


def _is_large(count: Any, least: int) -> bool:
    if isinstance(count, str):  # beyond 2^53
        return count.isdecimal() and int(count) >= least
    return isinstance(count, int | float) and not isinstance(count, bool) and count >= least


def learners_question(trends: Mapping[str, Any], groups: int) -> dict[str, Any]:
    """The body of trends that counts the learners behind another one, in up to `groups` groups."""
    series: Iterable[Mapping[str, Any]] = trends.get("series", ())
    counted = [{**{name: value for name, value in one.items() if name != "property"}, "metric": "unique_users"} for one in series]
    breakdown = trends.get("breakdown")
    wide = {"breakdown": {**breakdown, "limit": groups}} if isinstance(breakdown, Mapping) else {}
    return {**trends, **wide, "series": counted, "source": "auto"}
