"""An id of a person within texts and JSON: whether it stands there, and the same without it."""

import re
from collections.abc import Mapping
from typing import Any

from analytics.privacy.subject import SHORT_ID, Subject

ERASED = "(erased)"


def question_without(document: Mapping[str, Any], subject: Subject) -> dict[str, Any]:
    """A question's document without the person, and still one: what it is made of keeps its names."""
    told = dict(document)
    if "sql" in told:
        told["sql"] = without(told["sql"], subject)
    if "learners" in told:
        told["learners"] = without(told["learners"], subject)
    if "trends" in told:
        told["trends"] = without(told["trends"], subject)
    told["parameters"] = [
        {name: item if name in ("name", "type") else without(item, subject, keys=True) for name, item in one.items()}
        for one in told.get("parameters", ())
    ]
    return told


def without(value: Any, subject: Subject, *, keys: bool = False) -> Any:
    """`value` (JSON) with ERASED wherever an id of the person stood in a text, as `names` finds it; with `keys` in those too."""
    if isinstance(value, str):
        for text in subject.ids:
            value = _pattern(text).sub(ERASED, value)
        return value
    if isinstance(value, Mapping):
        return {without(key, subject) if keys else key: without(item, subject, keys=keys) for key, item in value.items()}
    if isinstance(value, list):
        return [without(item, subject, keys=keys) for item in value]
    is_named = not isinstance(value, bool) and isinstance(value, int | float) and any(names(text, str(value), {}) for text in subject.ids)
    return ERASED if is_named else value


def names(text: str, statement: str, parameters: Mapping[str, Any]) -> bool:
    """Whether the id `text` stands in a statement or among its parameters: a short one only as a word of its own."""
    found = _pattern(text)
    return any(found.search(place) for place in (statement, *_texts(parameters)))


def _pattern(text: str) -> re.Pattern[str]:
    edge = r"(?<![\w-]){}(?![\w-])" if len(text) < SHORT_ID else "{}"
    return re.compile("|".join(edge.format(re.escape(form)) for form in _forms_of(text)))


def words_of(subject: Subject) -> list[str]:
    """What to look for in stored texts: whatever `names` or `without` would find holds one of these."""
    return [form for text in subject.ids for form in _forms_of(text)]


def _forms_of(text: str) -> tuple[str, ...]:
    """As it is, and as it stands between quotes in SQL and in JSON."""
    escaped = text.replace("\\", "\\\\")
    return tuple(dict.fromkeys((text, escaped, escaped.replace("'", "\\'"), escaped.replace('"', '\\"'), text.replace("'", "''"))))


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for pair in value.items() for item in pair for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [] if value is None or isinstance(value, bool) else [str(value)]
