"""Each protection is switched off alone, and a proof must notice: a proof that holds without its protection proves nothing."""

from collections.abc import Mapping
from typing import Any

import pytest

from analytics.api import problems
from analytics.cache.rate_limit import RateLimits
from analytics.clock import SystemClock
from analytics.domain.access import RULES, Permission
from analytics.domain.rate import RateStand
from tests.isolation.world import World
from tests.security import proofs
from tests.security.sabotage import Patch, Sabotage, attribute, nothing, statements_say

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("counted_anew")]


@pytest.mark.parametrize("proof", proofs.PROOFS, ids=lambda proof: proof.__name__)
async def test_it_holds(world: World, proof: proofs.Proof) -> None:
    await proof(world)


def _rows_of_any_project(patch: Patch, world: World) -> None:
    """Each question is asked of the other school, as if a statement had forgotten its project."""
    warehouse = type(world.api.services.warehouse)
    query = warehouse.query

    def asked(self: Any, sql: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> Any:
        if parameters and "project_id" in parameters:
            parameters = {**parameters, "project_id": world.theirs.project["id"]}
        return query(self, sql, parameters, **more)

    patch.setattr(warehouse, "query", asked)


def _safe_headers_off(patch: Patch, world: World) -> None:
    patch.setattr("analytics.api.request_context.set_safe_headers", nothing)


def _body_limit_off(patch: Patch, world: World) -> None:
    patch.setattr("analytics.api.request_context._Bounded._too_large", lambda self: Exception("no limit"))


def _errors_are_told(patch: Patch, world: World) -> None:
    def told(instance: str | None = None) -> Any:
        return problems.problem(500, "internal", "Internal error", "RuntimeError: swordfish", instance)

    patch.setattr("analytics.api.request_context.internal_problem", told)


async def _no_limit(self: RateLimits, kind: object, who: str) -> RateStand:
    return RateStand(1, 1, 0)


async def _not_counted(self: object, name: str, place: str) -> None:
    return None


async def _not_deleted(self: object, *_: object) -> None:
    return None


def _time_stands_still(patch: Patch, world: World) -> None:
    patch.setattr(world.api.services.metadata.api_tokens, "_clock", SystemClock(-3600))


def _exports_need_no_more_than_reading(patch: Patch, world: World) -> None:
    patch.setitem(RULES, Permission.EXPORT_SUBJECT, RULES[Permission.READ_EVENTS])  # type: ignore[arg-type]


def _keys_never_end(patch: Patch, world: World) -> None:
    patch.setattr(world.api.services.keys, "_clock", SystemClock(-3600))


SABOTAGES: Mapping[str, Sabotage] = {
    "no permission is asked": Sabotage(attribute("analytics.api.auth.require", nothing), proofs.callers_are_held_to_their_rights),
    "everybody may everything": Sabotage(
        attribute("analytics.domain.access.may", lambda *_: True), proofs.callers_are_held_to_their_rights
    ),
    "everybody is of every project": Sabotage(
        attribute("analytics.domain.access.is_of", lambda *_: True), proofs.a_foreign_project_is_unknown
    ),
    "lists show all projects": Sabotage(
        attribute("analytics.api.projects.is_of", lambda *_: True), proofs.one_lists_only_ones_own_projects
    ),
    "rows of another project": Sabotage(_rows_of_any_project, proofs.rows_of_others_stay_away),
    "keys of any project": Sabotage(
        statements_say("write_keys", " AND project_id = %(project_id)s", ""), proofs.things_of_others_stay_away
    ),
    "tokens of any project": Sabotage(
        statements_say("api_tokens", " AND project_id = %(project_id)s", ""), proofs.things_of_others_stay_away
    ),
    "revoked keys stay": Sabotage(statements_say("directory", "WHERE revoked_at IS NULL", ""), proofs.a_revoked_key_takes_nothing),
    "rotated keys stay": Sabotage(_keys_never_end, proofs.a_rotated_key_ends),
    "deleted tokens stay": Sabotage(
        attribute("analytics.metadata.tokens.ApiTokens.delete", _not_deleted), proofs.a_deleted_token_opens_nothing
    ),
    "tokens never expire": Sabotage(_time_stands_still, proofs.an_expired_token_opens_nothing),
    "tokens make stronger ones": Sabotage(
        attribute("analytics.api.tokens.require_grantable", nothing), proofs.a_token_makes_no_stronger_one
    ),
    "any origin": Sabotage(
        attribute("analytics.metadata.key_directory.KeyDirectory.origins_of_key", lambda *_: frozenset()),
        proofs.pages_of_other_origins_may_not_send,
    ),
    "bodies of any size": Sabotage(_body_limit_off, proofs.bodies_are_bounded),
    "no rate limits": Sabotage(attribute("analytics.cache.rate_limit.RateLimits.charge", _no_limit), proofs.callers_are_limited),
    "passwords may be guessed": Sabotage(
        attribute("analytics.cache.sign_in_brake.SignInBrake.attempt", _not_counted), proofs.guessing_passwords_is_slowed_down
    ),
    "no safe headers": Sabotage(_safe_headers_off, proofs.answers_carry_safe_headers),
    "errors are told": Sabotage(_errors_are_told, proofs.errors_tell_nothing),
    "the erased come back": Sabotage(attribute("analytics.ingest.erased._refuse", nothing), proofs.events_of_the_erased_are_refused),
    "who reads events takes persons out": Sabotage(
        _exports_need_no_more_than_reading, proofs.only_who_manages_and_may_see_persons_takes_one_out
    ),
    "an export knows one id": Sabotage(
        attribute("analytics.privacy.exporting.linked_ids", lambda *_: []), proofs.an_export_follows_the_links_of_ids
    ),
}


@pytest.mark.parametrize("name", SABOTAGES)
async def test_it_is_noticed_when_switched_off(world: World, monkeypatch: Patch, name: str) -> None:
    SABOTAGES[name].breaks(monkeypatch, world)
    with pytest.raises(AssertionError):
        await SABOTAGES[name].notices(world)


def test_each_proof_has_a_sabotage() -> None:
    assert {sabotage.notices for sabotage in SABOTAGES.values()} == set(proofs.PROOFS)
