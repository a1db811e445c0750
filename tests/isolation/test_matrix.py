"""No tenant sees anything of another, over every route that there is."""

import pytest

from tests.fixtures.api import Api
from tests.isolation.matrix import check_other, check_own, check_shown_to_owner, recipe_of
from tests.isolation.recipes import RECIPES
from tests.isolation.routes import routes_of
from tests.isolation.world import World, make_world

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def world(api: Api) -> World:
    return await make_world(api)


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


async def test_a_foreign_project_is_as_if_it_were_not_there(world: World) -> None:
    for route in routes_of(world.api.app_under_test):
        await check_other(world, route)
