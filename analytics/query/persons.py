"""Which questions are about single persons, so that not everybody who may see numbers may ask them."""

from collections.abc import Collection

from analytics.domain.filters import Operator, conditions_of
from analytics.query.catalog import is_personal
from analytics.query.spec import TrendSpec


def shows_persons(spec: TrendSpec, personal_fields: Collection[str]) -> bool:
    """Whether an answer says something about single persons: a breakdown by, a number of, or a condition on what names or leads to them.

    `personal_fields` are those of the project. Whether such a property is there at all says nothing about anybody.
    """
    trees = [spec.filter, *(series.filter for series in spec.series)]
    conditions = [condition for tree in trees for condition in conditions_of(tree)]
    names = {condition.property for condition in conditions if condition.operator not in (Operator.IS_SET, Operator.IS_NOT_SET)}
    names |= {series.property for series in spec.series if series.property is not None}
    if spec.breakdown is not None:
        names.add(spec.breakdown.property)
    return any(is_personal(name) or name in personal_fields for name in names)
