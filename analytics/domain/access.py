"""Who may do what: principals, roles, scopes, and the one table and the one function that decide.

Whoever is not of a project learns nothing of it: an unknown project and a foreign one are the same NotFoundError. A write key may only
send events, so on every other route it is ForbiddenError before anything is looked up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from analytics.domain.project import Project
from analytics.domain.question import QUESTION_NAME
from analytics.errors import FieldError, ForbiddenError, InvalidRequestError, NotFoundError


class Role(StrEnum):
    """What a person is in a project; each may all that those before it may. Owners are above, in every project."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    EDITOR = "editor"
    ADMIN = "admin"

    def reaches(self, least: "Role") -> bool:
        """Whether this role is `least` or above."""
        order = tuple(Role)
        return order.index(self) >= order.index(least)


class Scope(StrEnum):
    """What an API token may; beside these there is `endpoint:NAME`."""

    READ = "read"
    PERSONAL_DATA = "personal-data"
    SQL = "sql"
    MANAGE = "manage"


_ENDPOINT = "endpoint:"


def endpoint_scope(name: str) -> str:
    """The scope of a token that may read this published query."""
    return f"{_ENDPOINT}{name}"


def _is_endpoint_scope(scope: str) -> bool:
    return scope.startswith(_ENDPOINT) and QUESTION_NAME.match(scope.removeprefix(_ENDPOINT)) is not None


def check_scopes(scopes: list[str]) -> tuple[str, ...]:
    """`scopes` without repeats, in order. Raises InvalidRequestError naming those that do not exist."""
    wrong = [
        FieldError(f"/scopes/{place}", f"{scope[:50]!r} is none of {', '.join(Scope)}, endpoint:NAME")
        for place, scope in enumerate(scopes)
        if scope not in set(Scope) and not _is_endpoint_scope(scope)
    ]
    if wrong:
        raise InvalidRequestError(wrong[0].detail, wrong)
    return tuple(dict.fromkeys(scopes))


class Permission(StrEnum):
    """One thing that a route does. A new route takes one of these or adds a line to RULES."""

    # in a project
    READ_PROJECT = "read-project"
    ASK_QUESTIONS = "ask-questions"  # trends and journeys: numbers, no persons
    WATCH_LIVE = "watch-live"  # counters; the events in the stream need READ_EVENTS too
    READ_EVENTS = "read-events"  # rows with persons in them
    MANAGE_REJECTED = "manage-rejected"  # list, correct and replay refused events
    MANAGE_PROJECT = "manage-project"  # name and policies
    MANAGE_KEYS = "manage-keys"
    MANAGE_TOKENS = "manage-tokens"
    MANAGE_MEMBERS = "manage-members"
    READ_AUDIT = "read-audit"  # of one project
    RUN_SQL = "run-sql"  # and see one's own queries; each is recorded by itself, before it runs
    MANAGE_SQL = "manage-sql"  # see and end everybody's
    SET_SQL_LIMITS = "set-sql-limits"  # what queries may cost, and to lift suspensions
    READ_SAVED = "read-saved"  # saved queries: their text, their versions, their answers
    EDIT_SAVED = "edit-saved"
    READ_ENDPOINT = "read-endpoint"  # a published query: of a token with its name among the scopes, or of a member
    READ_DASHBOARDS = "read-dashboards"
    EDIT_DASHBOARDS = "edit-dashboards"
    SHARE_DASHBOARDS = "share-dashboards"  # with whoever has the link
    READ_ROLLUPS = "read-rollups"
    EDIT_ROLLUPS = "edit-rollups"
    READ_ALERTS = "read-alerts"
    EDIT_ALERTS = "edit-alerts"
    SET_SUPPRESSION = "set-suppression"  # how small a group may be shown
    ERASE = "erase"  # remove a person from every store, and see the receipts
    EXPORT_SUBJECT = "export-subject"  # take out all that is kept of a person, personal fields in clear
    # over all projects
    READ_SELF = "read-self"
    CHANGE_SELF = "change-self"  # one's own password and sign-ins
    INVITE = "invite"  # into the project that the body names, which asks for MANAGE_MEMBERS there
    LIST_PROJECTS = "list-projects"  # one's own
    CREATE_PROJECT = "create-project"
    CREATE_USER = "create-user"
    MANAGE_USERS = "manage-users"  # list, change, shut out, reset
    ROTATE_KEYS = "rotate-keys"
    RECONCILE = "reconcile"
    READ_WHOLE_AUDIT = "read-whole-audit"


@dataclass(frozen=True, slots=True)
class Rule:
    """`role`: the least a member needs (None: owners only). `scopes`: all that a token needs (None: no token may)."""

    role: Role | None
    scopes: frozenset[str] | None


def _scopes(*scopes: Scope) -> frozenset[str]:
    return frozenset(scopes)


RULES: Mapping[Permission, Rule] = {
    Permission.READ_PROJECT: Rule(Role.VIEWER, _scopes()),
    Permission.ASK_QUESTIONS: Rule(Role.ANALYST, _scopes(Scope.READ)),
    Permission.WATCH_LIVE: Rule(Role.VIEWER, _scopes(Scope.READ)),
    Permission.READ_EVENTS: Rule(Role.ANALYST, _scopes(Scope.PERSONAL_DATA)),
    Permission.MANAGE_REJECTED: Rule(Role.EDITOR, _scopes(Scope.MANAGE, Scope.PERSONAL_DATA)),
    Permission.MANAGE_PROJECT: Rule(Role.ADMIN, _scopes(Scope.MANAGE)),
    Permission.MANAGE_KEYS: Rule(Role.ADMIN, _scopes(Scope.MANAGE)),
    Permission.MANAGE_TOKENS: Rule(Role.ADMIN, _scopes(Scope.MANAGE)),
    Permission.MANAGE_MEMBERS: Rule(Role.ADMIN, _scopes(Scope.MANAGE)),
    Permission.READ_AUDIT: Rule(Role.ADMIN, _scopes(Scope.MANAGE)),
    Permission.RUN_SQL: Rule(Role.ANALYST, _scopes(Scope.SQL)),
    Permission.MANAGE_SQL: Rule(Role.ADMIN, _scopes(Scope.SQL, Scope.MANAGE)),
    Permission.SET_SQL_LIMITS: Rule(None, None),
    Permission.READ_SAVED: Rule(Role.VIEWER, _scopes(Scope.READ)),
    Permission.EDIT_SAVED: Rule(Role.EDITOR, _scopes(Scope.MANAGE)),
    Permission.READ_ENDPOINT: Rule(Role.VIEWER, None),  # and whose token has the scope of its name, see `may`
    Permission.READ_DASHBOARDS: Rule(Role.VIEWER, _scopes(Scope.READ)),
    Permission.EDIT_DASHBOARDS: Rule(Role.EDITOR, _scopes(Scope.MANAGE)),
    Permission.SHARE_DASHBOARDS: Rule(Role.EDITOR, _scopes(Scope.MANAGE)),
    Permission.READ_ROLLUPS: Rule(Role.ANALYST, _scopes(Scope.SQL)),
    Permission.EDIT_ROLLUPS: Rule(Role.EDITOR, _scopes(Scope.SQL, Scope.MANAGE)),
    Permission.READ_ALERTS: Rule(Role.VIEWER, _scopes(Scope.READ)),
    Permission.EDIT_ALERTS: Rule(Role.EDITOR, _scopes(Scope.MANAGE)),
    Permission.SET_SUPPRESSION: Rule(Role.ADMIN, _scopes(Scope.MANAGE)),
    Permission.ERASE: Rule(Role.ADMIN, _scopes(Scope.MANAGE, Scope.PERSONAL_DATA)),
    Permission.EXPORT_SUBJECT: Rule(Role.ADMIN, _scopes(Scope.MANAGE, Scope.PERSONAL_DATA)),
}
# Whatever shows persons is recorded before it is shown, by the check of the permission itself.
PERSONAL = frozenset({Permission.READ_EVENTS, Permission.MANAGE_REJECTED})
# Over all projects: who is signed in at all, or owners alone.
ANYBODY = frozenset({Permission.READ_SELF, Permission.CHANGE_SELF, Permission.INVITE, Permission.LIST_PROJECTS})
OWNERS = frozenset(
    {
        Permission.CREATE_PROJECT,
        Permission.CREATE_USER,
        Permission.MANAGE_USERS,
        Permission.ROTATE_KEYS,
        Permission.RECONCILE,
        Permission.READ_WHOLE_AUDIT,
    }
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in. `roles`: project id to role. `sign_in`: id of the sign-in they came by, None for the operator."""

    id: str
    email: str
    name: str
    is_owner: bool = False
    roles: Mapping[str, Role] = field(default_factory=dict[str, Role])
    sign_in: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A machine with an API token of one project."""

    id: str
    name: str
    project_id: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class WriteKey:
    """Whoever sends with a project's write key: anybody."""

    project_id: str


Principal = Person | Token | WriteKey


def is_of(principal: Principal, project: Project) -> bool:
    """Whether `principal` may know that `project` exists."""
    if isinstance(principal, Person):
        return principal.is_owner or project.id in principal.roles
    return principal.project_id == project.id


def may(principal: Principal, project: Project | None, permission: Permission, endpoint: str | None = None) -> bool:
    """Whether `principal` may do `permission` in `project` (None: over all projects). `endpoint` is the published query asked for."""
    if isinstance(principal, WriteKey):
        return False
    if permission in ANYBODY:
        return True
    if isinstance(principal, Person) and principal.is_owner:
        return True
    if project is None or permission in OWNERS or not is_of(principal, project):
        return False
    rule = RULES[permission]
    if isinstance(principal, Token):
        if permission is Permission.READ_ENDPOINT:
            return endpoint is not None and endpoint_scope(endpoint) in principal.scopes
        return rule.scopes is not None and rule.scopes <= principal.scopes
    return rule.role is not None and principal.roles[project.id].reaches(rule.role)


def require(principal: Principal, project: Project | None, permission: Permission, endpoint: str | None = None) -> None:
    """Let `principal` do `permission` in `project`, or raise ForbiddenError; NotFoundError where even the project is none of its business.

    `project` is None for permissions over all projects, and for a slug that no project has: both are decided alike.
    """
    if isinstance(principal, WriteKey):
        raise ForbiddenError("A write key may only send events.")
    if permission not in ANYBODY and permission not in OWNERS and (project is None or not is_of(principal, project)):
        raise NotFoundError
    if not may(principal, project, permission, endpoint):
        raise ForbiddenError(_lacking(principal, permission))


def require_grantable(principal: Principal, scopes: tuple[str, ...]) -> None:
    """A token may make tokens, but none that may more than itself. Raises ForbiddenError."""
    if isinstance(principal, Token) and not principal.scopes.issuperset(scopes):
        raise ForbiddenError("A token cannot make one with scopes that it has not itself.")


def require_role_grantable(principal: Principal, role: Role) -> None:
    """A token may make members, but above viewers none that may more than itself. Raises ForbiddenError."""
    if not isinstance(principal, Token) or role is Role.VIEWER:
        return
    needed = {scope for rule in RULES.values() if rule.role is not None and role.reaches(rule.role) for scope in rule.scopes or ()}
    if not principal.scopes >= needed:
        raise ForbiddenError(f"A token cannot make somebody {role} without the scopes {', '.join(sorted(needed))}.")


def _lacking(principal: Principal, permission: Permission) -> str:
    if permission in OWNERS:
        return "Only an owner may do this."
    rule = RULES[permission]
    if permission is Permission.READ_ENDPOINT:
        return "This needs a token with the scope endpoint:NAME of what it reads."
    if isinstance(principal, Token):
        return f"This needs a token with the scope {' and '.join(sorted(rule.scopes))}." if rule.scopes else "A token may not do this."
    return f"This needs the role {rule.role} or above." if rule.role else "Only an owner may do this."
