"""Every route x every principal x own and other project: what must hold of each answer."""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping

import httpx

from analytics.domain.access import ANYBODY, OWNERS, RULES, Permission, Role
from tests.fixtures.api import Caller
from tests.isolation.recipes import RECIPES, Recipe
from tests.isolation.routes import RouteOf, routes_of
from tests.isolation.world import Principal, School, World

GOOD = frozenset(range(200, 300))
# What may differ between two answers that say the same.
_VARYING = frozenset(
    {"x-request-id", "x-clickhouse-query-id", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "content-length", "date"}
)
_UNKNOWN = "no-such-project"


def recipe_of(route: RouteOf) -> Recipe:
    recipe = RECIPES.get(route.key)
    assert recipe is not None, (
        f"{route.key} is not in the matrix of tenants: add a line to RECIPES in tests/isolation/recipes.py, such as\n"
        f'    "{route.key}": Recipe(body={{...}}, shows=("marker",)),'
    )
    return recipe


def expected(route: RouteOf, principal: Principal, of_own_project: bool) -> frozenset[int]:
    """The statuses that RULES leave for this caller, told anew here and not by the code that is tested."""
    if principal.kind in ("nobody", "wrong"):
        return frozenset({401})
    recipe = recipe_of(route)
    if principal.browser and not recipe.cookies:
        return frozenset({401})
    if principal.kind == "write-key" or (recipe.people and principal.kind != "person"):
        return frozenset({403})
    answers = {frozenset({403})}
    for permission in (recipe.asks,) if recipe.asks else route.permissions:
        if permission in ANYBODY or principal.kind == "owner":
            answers = {GOOD}
        elif permission in OWNERS:
            return frozenset({403})
        elif not of_own_project or (principal.kind == "person" and principal.role is None):
            return frozenset({404})
        elif permission is Permission.READ_ENDPOINT and principal.kind == "token":  # the recipe reads the endpoint of that name
            if "endpoint:marks" not in principal.scopes:
                return frozenset({403})
            answers = {GOOD}
        elif principal.kind == "token":
            scopes = RULES[permission].scopes
            if scopes is None or not scopes <= principal.scopes:
                return frozenset({403})
            answers = {GOOD}
        else:
            least = RULES[permission].role
            if least is None or principal.role is None or list(Role).index(Role(principal.role)) < list(Role).index(least):
                return frozenset({403})
            answers = {GOOD}
    return next(iter(answers))


async def call(world: World, route: RouteOf, principal: Principal, slug: str, values: Mapping[str, str]) -> httpx.Response:
    recipe = recipe_of(route)
    caller = world.api.owner if principal.kind == "owner" else principal.caller  # the operator's own token is good for a minute
    if recipe.people and principal.kind == "person":
        caller = await world.somebody_like(principal)
    return await world.api.client.request(
        route.method,
        route.path.format(project=slug, **values),
        params=recipe.filled(recipe.query, slug),
        json=recipe.filled(recipe.body, slug) if recipe.body is not None else None,
        data=dict(recipe.form) if recipe.form else None,
        headers={**recipe.headers, **caller.headers},
    )


def text_of(answer: httpx.Response) -> str:
    """All that an answer says: of an archive, what is in it."""
    if answer.headers.get("content-type") != "application/zip":
        return answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return "\n".join((*archive.namelist(), *(archive.read(name).decode() for name in archive.namelist())))


def assert_holds_nothing_of(answer: httpx.Response, school: School, world: World, who: str) -> None:
    """Neither in the body nor in a header stands anything of this school, but for what the caller said in the path itself."""
    said = f"{answer.request.url} {answer.request.content!r}"
    text = text_of(answer) + str(answer.headers)
    found = [name for name, marker in world.everything_of(school).items() if marker in text and marker not in said]
    assert not found, f"{who} is shown {found} of a school that is not theirs: {answer.status_code} {answer.text[:300]}"


async def check_routes(world: World, routes: Iterable[RouteOf] | None = None) -> None:
    """All of it. Raises AssertionError at the first thing that is wrong."""
    for route in routes if routes is not None else routes_of(world.api.app_under_test):
        await check_shown_to_owner(world, route)
        await check_own(world, route)
        await check_other(world, route)


async def check_shown_to_owner(world: World, route: RouteOf) -> None:
    recipe = recipe_of(route)
    if not recipe.shows:
        return
    owner = next(principal for principal in world.principals if principal.kind == "owner")
    answer = await call(world, route, owner, world.theirs.slug, await recipe.values(world, world.theirs))
    missing = [name for name in recipe.shows if world.theirs.markers[name] not in text_of(answer)]
    assert not missing, f"{route.key} does not show {missing} to an owner, so their absence elsewhere proves nothing: {answer.text[:500]}"


async def check_own(world: World, route: RouteOf) -> None:
    """Of their own project callers may what RULES say, and meet nothing of the other one."""
    recipe = recipe_of(route)
    world.api.forget_counts()
    reused = await recipe.values(world, world.own)
    for principal in world.principals:
        may = expected(route, principal, True) is GOOD
        values = await recipe.values(world, world.own) if may else reused
        answer = await call(world, route, principal, world.own.slug, values)
        who = f"{route.key} by {principal.name} of the project"
        if route.permissions:
            wanted = expected(route, principal, True) | (recipe.statuses if may else frozenset())
        else:
            assert recipe.public, f"{route.key} asks for no permission and is not public on purpose"
            wanted = GOOD | recipe.statuses
        assert answer.status_code in wanted, f"{who}: {answer.status_code}, not one of {sorted(wanted)[:3]}: {answer.text[:300]}"
        if principal.kind != "owner":
            assert_holds_nothing_of(answer, world.theirs, world, who)
        if not may and route.permissions:
            assert_holds_nothing_of(answer, world.own, world, who)
        for secret in (*world.theirs.secrets, *world.own.secrets):
            assert secret not in answer.text, f"{who}: a secret is shown again"


async def check_other(world: World, route: RouteOf) -> None:
    """A foreign project and one that does not exist are answered alike, and nothing of the foreign one is told."""
    recipe = recipe_of(route)
    if not route.is_of_project and recipe.asks is None:
        return
    values = await recipe.values(world, world.theirs)
    for principal in world.principals:
        if principal.kind == "owner":
            continue
        foreign = await call(world, route, principal, world.theirs.slug, values)
        unknown = await call(world, route, principal, _UNKNOWN, values)
        who = f"{route.key} by {principal.name} of another project"
        wanted = expected(route, principal, False)
        assert foreign.status_code in wanted, f"{who}: {foreign.status_code}, not {sorted(wanted)}: {foreign.text[:300]}"
        assert_holds_nothing_of(foreign, world.theirs, world, who)
        assert _said(foreign, world.theirs.slug) == _said(unknown, _UNKNOWN), f"{who}: a foreign project differs from an unknown one"


async def check_both(world: World, routes: Iterable[RouteOf]) -> None:
    """Who is of both projects is in each what they are there, and is shown in the one nothing of the other."""
    people = [(roles, await world.of_both(*roles)) for roles in (("viewer", "admin"), ("editor", "analyst"))]
    for route in routes:
        if route.is_of_project or recipe_of(route).asks is not None:
            for roles, caller in people:
                await _check_both(world, route, caller, *roles)


async def _check_both(world: World, route: RouteOf, caller: Caller, own_role: str, their_role: str) -> None:
    for school, other, role in ((world.own, world.theirs, own_role), (world.theirs, world.own, their_role)):
        principal = Principal(f"{role} of one project", "person", caller, role=role)
        answer = await call(world, route, principal, school.slug, await recipe_of(route).values(world, school))
        who = f"{route.key} by somebody who is {role} here and {their_role if school is world.own else own_role} elsewhere"
        wanted = expected(route, principal, True)
        wanted |= recipe_of(route).statuses if wanted is GOOD else frozenset()
        assert answer.status_code in wanted, f"{who}: {answer.status_code}, not {sorted(wanted)[:3]}: {answer.text[:300]}"
        assert_holds_nothing_of(answer, other, world, who)


def _said(answer: httpx.Response, slug: str) -> tuple[object, ...]:
    body = answer.content.replace(f"/{slug}".encode(), b"/{project}")
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in _VARYING)
    is_json = "json" in answer.headers.get("content-type", "json")
    return answer.status_code, headers, body, is_json and json.loads(answer.content or b"null") is None
