"""No tenant sees anything of another, over every route that there is."""

from dataclasses import replace

import pytest

from analytics.domain import access
from analytics.domain.project import Project
from tests.fixtures.api import Api
from tests.isolation.matrix import check_both, check_other, check_own, check_shown_to_owner, recipe_of
from tests.isolation.recipes import RECIPES
from tests.isolation.routes import RouteOf, routes_of
from tests.isolation.world import World

pytestmark = pytest.mark.anyio


async def test_every_route_has_a_recipe_and_every_recipe_a_route(api: Api) -> None:
    routes = routes_of(api.app_under_test)
    assert len(routes) > 30
    for route in routes:
        recipe_of(route)
    assert set(RECIPES) == {route.key for route in routes}


async def test_each_marker_is_shown_to_the_owner(world: World) -> None:
    for route in routes_of(world.api.app_under_test):
        await check_shown_to_owner(world, route)
    shown = {name for recipe in RECIPES.values() for name in recipe.shows}
    assert shown == set(world.theirs.markers), "a marker that no route shows proves nothing"


async def test_in_their_project_callers_may_what_the_rules_say_and_see_nothing_of_others(world: World) -> None:
    for route in routes_of(world.api.app_under_test):
        await check_own(world, route)


async def test_who_is_of_two_projects_has_in_each_the_rights_of_it_alone(world: World) -> None:
    world.api.forget_counts()
    await check_both(world, routes_of(world.api.app_under_test))


async def test_a_role_that_counted_in_another_project_would_be_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the best role of somebody were theirs in every project that they are of."""
    world.api.forget_counts()
    really = access.may

    def by_the_best_role(
        principal: access.Principal, project: Project | None, permission: access.Permission, endpoint: str | None = None
    ) -> bool:
        if isinstance(principal, access.Person) and principal.roles:
            best = max(principal.roles.values(), key=list(access.Role).index)
            principal = replace(principal, roles=dict.fromkeys(principal.roles, best))
        return really(principal, project, permission, endpoint)

    monkeypatch.setattr(access, "may", by_the_best_role)
    (members,) = [route for route in routes_of(world.api.app_under_test) if route.key == "GET /v1/projects/{project}/members"]
    with pytest.raises(AssertionError, match="viewer here and admin elsewhere: 200"):
        await check_both(world, [members])


def test_a_route_without_a_recipe_is_noticed() -> None:
    with pytest.raises(AssertionError, match="add a line to RECIPES"):
        recipe_of(RouteOf("GET", "/v1/projects/{project}/new", (access.Permission.READ_PROJECT,)))


async def test_a_foreign_project_is_as_if_it_were_not_there(world: World) -> None:
    for route in routes_of(world.api.app_under_test):
        await check_other(world, route)
