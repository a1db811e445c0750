"""The table of who may do what, written out."""

from datetime import UTC, datetime

import pytest

from analytics.domain.access import (
    Permission,
    Person,
    Principal,
    Role,
    Token,
    WriteKey,
    check_scopes,
    may,
    require,
    require_grantable,
    require_role_grantable,
)
from analytics.domain.project import Project
from analytics.errors import ForbiddenError, InvalidRequestError, NotFoundError

MINE = Project("p_mine", "mine", "Mine", "UTC", datetime(2026, 1, 1, tzinfo=UTC))
THEIRS = Project("p_theirs", "theirs", "Theirs", "UTC", datetime(2026, 1, 1, tzinfo=UTC))
OWNER = Person("u_0", "o@example.org", "Owner", is_owner=True)


def member(role: Role) -> Person:
    return Person("u_1", "m@example.org", "Member", roles={MINE.id: role})


def token(*scopes: str) -> Token:
    return Token("t_1", "robot", MINE.id, frozenset(scopes))


# permission: least role, scopes of the token that may
TABLE = {
    Permission.READ_PROJECT: (Role.VIEWER, ()),
    Permission.WATCH_LIVE: (Role.VIEWER, ("read",)),
    Permission.ASK_QUESTIONS: (Role.ANALYST, ("read",)),
    Permission.READ_EVENTS: (Role.ANALYST, ("personal-data",)),
    Permission.MANAGE_REJECTED: (Role.EDITOR, ("manage", "personal-data")),
    Permission.MANAGE_PROJECT: (Role.ADMIN, ("manage",)),
    Permission.MANAGE_KEYS: (Role.ADMIN, ("manage",)),
    Permission.MANAGE_TOKENS: (Role.ADMIN, ("manage",)),
    Permission.MANAGE_MEMBERS: (Role.ADMIN, ("manage",)),
    Permission.READ_AUDIT: (Role.ADMIN, ("manage",)),
    Permission.ERASE: (Role.ADMIN, ("manage", "personal-data")),
    Permission.EXPORT_SUBJECT: (Role.ADMIN, ("manage", "personal-data")),
    Permission.RUN_SQL: (Role.ANALYST, ("sql",)),
    Permission.MANAGE_SQL: (Role.ADMIN, ("manage", "sql")),
    Permission.READ_SAVED: (Role.VIEWER, ("read",)),
    Permission.EDIT_SAVED: (Role.EDITOR, ("manage",)),
    Permission.READ_DASHBOARDS: (Role.VIEWER, ("read",)),
    Permission.EDIT_DASHBOARDS: (Role.EDITOR, ("manage",)),
    Permission.SHARE_DASHBOARDS: (Role.EDITOR, ("manage",)),
    Permission.READ_ROLLUPS: (Role.ANALYST, ("sql",)),
    Permission.EDIT_ROLLUPS: (Role.EDITOR, ("manage", "sql")),
    Permission.READ_ALERTS: (Role.VIEWER, ("read",)),
    Permission.EDIT_ALERTS: (Role.EDITOR, ("manage",)),
    Permission.SET_SUPPRESSION: (Role.ADMIN, ("manage",)),
}
EVERYWHERE = [Permission.READ_SELF, Permission.CHANGE_SELF, Permission.INVITE, Permission.LIST_PROJECTS]
OWNERS_ONLY = [
    Permission.CREATE_PROJECT,
    Permission.CREATE_USER,
    Permission.MANAGE_USERS,
    Permission.ROTATE_KEYS,
    Permission.RECONCILE,
    Permission.READ_WHOLE_AUDIT,
]


BY_NAME = [Permission.READ_ENDPOINT]
OWNERS_IN_A_PROJECT = [Permission.SET_SQL_LIMITS]


def test_the_table_is_whole() -> None:
    assert {*TABLE, *EVERYWHERE, *OWNERS_ONLY, *OWNERS_IN_A_PROJECT, *BY_NAME} == set(Permission)


@pytest.mark.parametrize("permission", TABLE)
def test_a_member_may_from_the_least_role_on(permission: Permission) -> None:
    order = ["viewer", "analyst", "editor", "admin"]
    least, _ = TABLE[permission]
    for role in Role:
        assert may(member(role), MINE, permission) is (order.index(role) >= order.index(least))


@pytest.mark.parametrize("permission", TABLE)
def test_a_token_needs_every_scope(permission: Permission) -> None:
    _, scopes = TABLE[permission]
    assert may(token(*scopes, "endpoint:x"), MINE, permission)
    for left_out in scopes:
        others = {"read", "personal-data", "sql", "manage"} - {left_out}
        assert not may(token(*others), MINE, permission)


def test_a_published_query_is_read_by_members_and_by_tokens_with_its_own_name_among_their_scopes() -> None:
    permission = Permission.READ_ENDPOINT
    assert all(may(member(role), MINE, permission, "sales") for role in Role)
    assert may(token("endpoint:sales"), MINE, permission, "sales")
    assert not may(token("endpoint:sales"), MINE, permission, "sales2")
    assert not may(token("endpoint:sales"), MINE, permission)
    assert not may(token("read", "personal-data", "sql", "manage"), MINE, permission, "sales")
    assert not may(token("endpoint:sales"), THEIRS, permission, "sales")


@pytest.mark.parametrize("permission", Permission)
def test_an_owner_may_everything_and_a_write_key_nothing(permission: Permission) -> None:
    assert may(OWNER, MINE, permission)
    require(OWNER, MINE, permission)
    assert not may(WriteKey(MINE.id), MINE, permission)
    for project in (MINE, THEIRS, None):
        with pytest.raises(ForbiddenError):
            require(WriteKey(MINE.id), project, permission)


@pytest.mark.parametrize("permission", TABLE)
@pytest.mark.parametrize("who", [member(Role.ADMIN), token("read", "personal-data", "sql", "manage")], ids=["admin", "token"])
def test_an_unknown_project_and_a_foreign_one_are_the_same(permission: Permission, who: Principal) -> None:
    said: list[str] = []
    for project in (THEIRS, None):
        assert not may(who, project, permission)
        with pytest.raises(NotFoundError) as error:
            require(who, project, permission)
        said.append(error.value.detail)
    assert said[0] == said[1]


def test_an_owner_too_finds_no_unknown_project() -> None:
    with pytest.raises(NotFoundError):
        require(OWNER, None, Permission.READ_PROJECT)


@pytest.mark.parametrize("permission", OWNERS_ONLY)
@pytest.mark.parametrize("who", [member(Role.ADMIN), token("manage")], ids=["admin", "token"])
def test_what_is_for_owners_is_for_nobody_else(permission: Permission, who: Principal) -> None:
    with pytest.raises(ForbiddenError):
        require(who, None, permission)
    for open_to_all in EVERYWHERE:
        require(who, None, open_to_all)


def test_scopes_are_known_words_or_endpoints() -> None:
    assert check_scopes(["read", "endpoint:daily", "read"]) == ("read", "endpoint:daily")
    with pytest.raises(InvalidRequestError) as error:
        check_scopes(["read", "root", "endpoint:"])
    assert [field.pointer for field in error.value.errors] == ["/scopes/1", "/scopes/2"]


def test_a_token_grants_only_what_it_has() -> None:
    require_grantable(member(Role.ADMIN), ("sql",))
    require_grantable(token("manage", "read"), ("read",))
    with pytest.raises(ForbiddenError):
        require_grantable(token("manage", "read"), ("read", "sql"))


@pytest.mark.parametrize("permission", OWNERS_IN_A_PROJECT)
def test_what_owners_alone_do_in_a_project_no_admin_and_no_token_may(permission: Permission) -> None:
    assert may(OWNER, MINE, permission)
    assert not may(member(Role.ADMIN), MINE, permission)
    assert not may(token("read", "personal-data", "sql", "manage"), MINE, permission)


def test_a_token_makes_nobody_who_may_more_than_itself() -> None:
    require_role_grantable(token("manage"), Role.VIEWER)
    require_role_grantable(member(Role.ADMIN), Role.ADMIN)
    everything = token("manage", "read", "personal-data", "sql")
    for role in Role:
        require_role_grantable(everything, role)
    for role in (Role.ANALYST, Role.EDITOR, Role.ADMIN):
        with pytest.raises(ForbiddenError):
            require_role_grantable(token("manage", "read", "sql"), role)
