"""`/v1/users` and `/v1/projects/{project}/members`: who there is and who is what."""

from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor
from analytics.api.schemas.people import MemberAnswer, NewRole, NewUser, UserAnswer, UserRecordAnswer, UserUpdate
from analytics.domain.access import Permission, require_role_grantable
from analytics.metadata.users import UserChange

router = APIRouter(prefix="/v1", tags=["people"])
MayManage = Annotated[Access, Allowed(Permission.MANAGE_MEMBERS)]
MayManageUsers = Annotated[Access, Allowed(Permission.MANAGE_USERS)]


@router.post("/users", status_code=201)
async def create_user(wanted: NewUser, access: Annotated[Access, Allowed(Permission.CREATE_USER)], services: OpenServices) -> UserAnswer:
    """Make a person who may sign in. Owners only."""
    person = await services.metadata.users.create(access.actor, wanted.email, wanted.password, wanted.name or wanted.email)
    return UserAnswer.model_validate(person)


@router.get("/users")
async def list_users(
    access: Annotated[Access, Allowed(Permission.MANAGE_USERS, "user.list")],
    services: OpenServices,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
) -> Page[UserRecordAnswer]:
    """Everybody, by address. Owners only."""
    after: str | None = decode_cursor(cursor, str)[0] if cursor else None
    rows = await services.metadata.users.page(after, limit + 1)
    items, next_cursor = cut_page(rows, limit, lambda user: (user.email.lower(),))
    return Page(items=[UserRecordAnswer.model_validate(user) for user in items], next_cursor=next_cursor)


@router.get("/users/{email}")
async def read_user(
    email: str, access: Annotated[Access, Allowed(Permission.MANAGE_USERS, "user.read")], services: OpenServices
) -> UserRecordAnswer:
    """One person. Owners only."""
    return UserRecordAnswer.model_validate(await services.metadata.users.record(email))


@router.patch("/users/{email}")
async def change_user(email: str, wanted: UserUpdate, access: MayManageUsers, services: OpenServices) -> UserRecordAnswer:
    """Change a name, shut somebody out at once or let them in again, make an owner or end that. The last owner stays one. Owners only."""
    change = UserChange(wanted.name, wanted.disabled, wanted.is_owner)
    return UserRecordAnswer.model_validate(await services.metadata.users.update(access.actor, email, change))


@router.get("/projects/{project}/members")
async def list_members(
    access: Annotated[Access, Allowed(Permission.MANAGE_MEMBERS, "member.list")],
    services: OpenServices,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
) -> Page[MemberAnswer]:
    """Members by address. Owners are of every project and not listed."""
    after: str | None = decode_cursor(cursor, str)[0] if cursor else None
    rows = await services.metadata.members.page(access.project.id, after, limit + 1)
    items, next_cursor = cut_page(rows, limit, lambda member: (member.email.lower(),))
    return Page(items=[MemberAnswer.model_validate(member) for member in items], next_cursor=next_cursor)


@router.put("/projects/{project}/members/{email}")
async def put_member(email: str, wanted: NewRole, access: MayManage, services: OpenServices) -> MemberAnswer:
    """Make a person a member, or change the role; it counts from the next request on."""
    require_role_grantable(access.principal, wanted.role)
    return MemberAnswer.model_validate(await services.metadata.members.put(access.actor, access.project.id, email, wanted.role))


@router.delete("/projects/{project}/members/{email}", status_code=204)
async def remove_member(email: str, access: MayManage, services: OpenServices) -> None:
    """End a membership; it counts from the next request on."""
    await services.metadata.members.remove(access.actor, access.project.id, email)
