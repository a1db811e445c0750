"""Questions about personal fields: values given in clear become the forms in which events hold them.

The one thing to know: only equality survives hashing and encryption, so every other comparison is refused. Events from before a field was
personal hold their values in clear, so each value is also looked for as it was given.
"""

from dataclasses import replace

from analytics.crypto.personal_values import PersonalValues
from analytics.domain.filters import And, Condition, Filter, Not, Operator, Or
from analytics.domain.personal_fields import PersonalMode, field_of
from analytics.domain.project import Project
from analytics.errors import FieldError, InvalidQueryError, MetadataUnavailableError
from analytics.query.spec import TrendSpec

_EQUALITY = {
    Operator.EQ: Operator.IN,
    Operator.IN: Operator.IN,
    Operator.NEQ: Operator.NOT_IN,
    Operator.NOT_IN: Operator.NOT_IN,
}
_PRESENCE = frozenset({Operator.IS_SET, Operator.IS_NOT_SET})


def trend_as_stored(spec: TrendSpec, project: Project, values: PersonalValues | None) -> TrendSpec:
    """`spec` with the filters' values as events of the project hold them. Raises InvalidQueryError naming a field that cannot answer."""
    if not project.personal_fields:
        return spec
    for index, one in enumerate(spec.series):
        if one.property is not None and _mode_of(project, one.property) is not None:
            detail = f"{one.property} is a personal field: it holds no numbers"
            raise InvalidQueryError(detail, [FieldError(f"/series/{index}/property", detail)])
    return replace(
        spec,
        filter=_as_stored(spec.filter, project, values),
        series=tuple(replace(one, filter=_as_stored(one.filter, project, values)) for one in spec.series),
    )


def filter_as_stored(tree: Filter, project: Project, values: PersonalValues | None) -> Filter:
    """A filter with its values as events of the project hold them. Raises InvalidQueryError naming a field that cannot answer."""
    if not project.personal_fields:
        return tree
    match tree:
        case And(terms):
            return And(tuple(filter_as_stored(term, project, values) for term in terms))
        case Or(terms):
            return Or(tuple(filter_as_stored(term, project, values) for term in terms))
        case Not(term):
            return Not(filter_as_stored(term, project, values))
        case Condition():
            return _condition(tree, project, values)


def _as_stored(tree: Filter | None, project: Project, values: PersonalValues | None) -> Filter | None:
    return None if tree is None else filter_as_stored(tree, project, values)


def _condition(condition: Condition, project: Project, values: PersonalValues | None) -> Condition:
    field = field_of(condition.property)
    mode = _mode_of(project, field)
    if mode is None or mode is PersonalMode.DROP or condition.operator in _PRESENCE:
        return condition
    if field not in project.personal_fields:
        detail = f"{condition.property} lies within a personal field, whose members cannot be looked at"
        raise InvalidQueryError(detail, [FieldError(f"{condition.pointer}/property", detail)])
    operator = _EQUALITY.get(condition.operator)
    if operator is None:
        detail = f"{condition.property} is a personal field ({mode}): it answers eq, neq, in, not_in, is_set and is_not_set only"
        raise InvalidQueryError(detail, [FieldError(f"{condition.pointer}/operator", detail)])
    if values is None:
        raise MetadataUnavailableError("The keys of personal fields are not open here.")
    forms = [form for value in condition.values for form in values.forms(project, field, value)]
    return replace(condition, operator=operator, values=tuple(dict.fromkeys(forms)))


def _mode_of(project: Project, name: str) -> PersonalMode | None:
    """The mode of the field, or of a personal field that it lies within."""
    field = field_of(name)
    fields = project.personal_fields
    while field:
        if field in fields:
            return fields[field]
        field = field.rpartition(".")[0]
    return None
