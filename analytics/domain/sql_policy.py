"""What ad-hoc SQL may cost: by role, and by project where that differs.

The one thing to know: an API token with the scope `sql` counts as an analyst, an owner as an admin.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from analytics.domain.access import Person, Principal, Role
from analytics.domain.project import Project
from analytics.errors import FieldError, InvalidRequestError

SQL_ROLES = (Role.ANALYST, Role.EDITOR, Role.ADMIN)
Changes = Mapping[Role, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class SqlPolicy:
    """The most that one query may take, and that one caller may ask. All are above zero."""

    seconds: float
    memory_bytes: int
    rows_read: int
    bytes_read: int
    rows_returned: int
    bytes_returned: int
    concurrency: int  # queries of one caller at once
    queries_per_hour: int  # of one caller

    @property
    def by_name(self) -> dict[str, float]:
        """As a dictionary."""
        return asdict(self)


_GB = 1_000_000_000
_ANALYST = SqlPolicy(
    seconds=60.0,
    memory_bytes=2 * _GB,
    rows_read=2_000_000_000,
    bytes_read=200 * _GB,
    rows_returned=20_000_000,
    bytes_returned=10 * _GB,
    concurrency=4,
    queries_per_hour=3_600,
)
DEFAULTS: Mapping[Role, SqlPolicy] = {
    Role.ANALYST: _ANALYST,
    Role.EDITOR: _ANALYST,
    Role.ADMIN: replace(_ANALYST, seconds=120.0, memory_bytes=4 * _GB, concurrency=8, queries_per_hour=7_200),
}
LIMIT_NAMES = tuple(field.name for field in fields(SqlPolicy))
_LARGEST = 1 << 53


def role_of(principal: Principal, project: Project) -> Role:
    """The role whose limits count for `principal`."""
    if isinstance(principal, Person):
        role = Role.ADMIN if principal.is_owner else principal.roles.get(project.id, Role.ANALYST)
        return role if role in SQL_ROLES else Role.ANALYST
    return Role.ANALYST


def check_changes(wanted: Mapping[str, Mapping[str, Any]]) -> Changes:
    """`wanted` (role to limit to number) as changes. Raises InvalidRequestError naming what is wrong."""
    changes: dict[Role, dict[str, float]] = {}
    for role, limits in wanted.items():
        if role not in {str(one) for one in SQL_ROLES}:
            raise _wrong(f"/{role[:50]}", f"is none of the roles {', '.join(SQL_ROLES)}")
        for name, value in limits.items():
            if name not in LIMIT_NAMES:
                raise _wrong(f"/{role}/{name[:50]}", f"is none of {', '.join(LIMIT_NAMES)}")
            whole = isinstance(value, int) or (name == "seconds" and isinstance(value, float) and math.isfinite(value))
            if isinstance(value, bool) or not whole or not 0 < value <= _LARGEST:
                raise _wrong(f"/{role}/{name}", "must be a number above zero" if name == "seconds" else "must be a whole number above zero")
        changes[Role(role)] = dict(limits)
    return changes


def changed(policy: SqlPolicy, changes: Mapping[str, float]) -> SqlPolicy:
    """`policy` with the changes of one role, as `check_changes` answers them."""
    return replace(policy, **dict(changes))


def lowered(policy: SqlPolicy, wanted: Mapping[str, float]) -> SqlPolicy:
    """`policy` with each limit of `wanted` that is below its own; a caller raises none."""
    return replace(policy, **{name: min(value, policy.by_name[name]) for name, value in wanted.items()})


def policies(*layers: Changes) -> dict[Role, SqlPolicy]:
    """DEFAULTS with changes, the last first."""
    found = dict(DEFAULTS)
    for layer in layers:
        for role, changes in layer.items():
            found[role] = changed(found[role], changes)
    return found


def _wrong(pointer: str, detail: str) -> InvalidRequestError:
    return InvalidRequestError(f"{pointer.lstrip('/').replace('/', '.')} {detail}.", [FieldError(pointer, detail)])
