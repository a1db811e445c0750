"""Each protection of accounts, audit and personal fields is switched off alone, and a proof must notice."""

import itertools
from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from analytics.api import accept_page, browser_session
from analytics.cache.sign_in_brake import SignInBrake
from analytics.metadata.audit_trail import AuditTrail
from analytics.metadata.refresh_tokens import KnownPassword
from tests.isolation.world import World
from tests.security import account_proofs as proofs
from tests.security.proofs import Proof
from tests.security.sabotage import Patch, Sabotage, attribute, nothing, statements_say

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("counted_anew")]
_TEMPLATE = accept_page._template()[:2]
_later_steps = itertools.count(10**9)


@pytest.mark.parametrize("proof", proofs.PROOFS, ids=lambda proof: proof.__name__)
async def test_it_holds(world: World, proof: Proof) -> None:
    await proof(world)


async def _anything_matches(self: object, password: str, kept: str | None) -> bool:
    return kept is not None


async def _admitted(self: object, known: KnownPassword, code: str | None) -> KnownPassword:
    return known


async def _not_done(*_: object, **__: object) -> None:
    return None


def _signatures_are_not_checked(patch: Patch, world: World) -> None:
    real = jwt.decode

    def decode(token: str, key: Any = "", **more: Any) -> Any:
        more["options"] = {**more.get("options", {}), "verify_signature": False}
        return real(token, key, **{**more, "algorithms": None})

    patch.setattr("analytics.domain.access_token.jwt.decode", decode)


def _time_of_tokens_stands_still(patch: Patch, world: World) -> None:
    """Nearly an hour is added to the times that a token says, so that one of an hour ago is good."""
    signer = type(world.api.services.signer)
    real, later = signer._checked, 3590

    def checked(self: Any, claims: dict[str, Any], audience: str) -> Any:
        return real(self, {**claims, "exp": claims["exp"] + later, "iat": claims["iat"] + later}, audience)

    patch.setattr(signer, "_checked", checked)


def _cookies_for_scripts(patch: Patch, world: World) -> None:
    real = browser_session._cookie
    patch.setattr(browser_session, "_cookie", lambda request, services: {**real(request, services), "httponly": False})


def _only_notes(patch: Patch, world: World) -> None:
    """As if a failed sign-in were recorded nowhere."""
    patch.setattr(AuditTrail, "record_failed_sign_in", _not_done)


SABOTAGES: Mapping[str, Sabotage] = {
    "any password": Sabotage(
        attribute("analytics.metadata.secrets.Passwords.matches", _anything_matches), proofs.a_wrong_password_opens_nothing
    ),
    "the disabled sign in": Sabotage(
        statements_say("users", "disabled_at = %(disabled_at)s", "disabled_at = NULL"), proofs.a_disabled_person_does_not_sign_in
    ),
    "refresh tokens for ever": Sabotage(
        statements_say("refresh_tokens", "SET used_at = %(now)s", "SET used_at = NULL"), proofs.a_refresh_token_is_good_once
    ),
    "reuse ends nothing": Sabotage(
        statements_say("refresh_tokens", "WHERE id = %(family_id)s AND", "WHERE false AND"),
        proofs.a_refresh_token_used_twice_ends_the_sign_in,
    ),
    "the password alone": Sabotage(
        attribute("analytics.metadata.second_factors.SecondFactors.admit", _admitted), proofs.a_second_factor_is_asked_for
    ),
    "any code of the app": Sabotage(
        attribute("analytics.metadata.second_factors.matching_step", lambda *_: next(_later_steps)), proofs.a_second_factor_is_asked_for
    ),
    "codes of the app for ever": Sabotage(
        statements_say("second_factors", "SET last_step = %(step)s, failures", "SET failures"), proofs.a_code_counts_once
    ),
    "recovery codes for ever": Sabotage(
        statements_say(
            "second_factors",
            "DELETE FROM recovery_codes WHERE user_id = %(user_id)s AND",
            "UPDATE recovery_codes SET user_id = user_id WHERE user_id = %(user_id)s AND",
        ),
        proofs.a_code_counts_once,
    ),
    "the right password forgives wrong codes": Sabotage(
        attribute("analytics.cache.sign_in_brake.SignInBrake.taken_back", SignInBrake.succeeded), proofs.guessing_codes_is_slow
    ),
    "wrong codes are not counted": Sabotage(
        statements_say("second_factors", "SET failures = failures + 1", "SET failures = failures"), proofs.guessing_codes_comes_to_an_end
    ),
    "codes for guessers": Sabotage(
        attribute("analytics.metadata.second_factors.MOST_FAILURES", 10**9), proofs.guessing_codes_comes_to_an_end
    ),
    "signing out does nothing": Sabotage(
        attribute("analytics.metadata.refresh_tokens.RefreshTokens.end", _not_done), proofs.signing_out_ends_it_at_once
    ),
    "ended sign-ins go on": Sabotage(statements_say("users", " AND f.revoked_at IS NULL", ""), proofs.signing_out_ends_it_at_once),
    "everywhere is here": Sabotage(
        attribute("analytics.metadata.refresh_tokens.end_families", _not_done), proofs.signing_out_everywhere_ends_other_sign_ins
    ),
    "signatures are not checked": Sabotage(_signatures_are_not_checked, proofs.forged_access_tokens_open_nothing),
    "access tokens for ever": Sabotage(_time_of_tokens_stands_still, proofs.access_tokens_end),
    "no page's token": Sabotage(attribute("analytics.api.auth.require_own_page", nothing), proofs.a_change_by_cookie_needs_the_pages_token),
    "any site's form": Sabotage(
        attribute("analytics.domain.browser_cookie.BrowserCookie.is_own_page", lambda *_: True), proofs.another_site_signs_nobody_in
    ),
    "cookies for scripts": Sabotage(_cookies_for_scripts, proofs.cookies_are_for_us_alone),
    "cookies over http": Sabotage(
        attribute("analytics.domain.browser_cookie.BrowserCookie.secure", lambda *_: False), proofs.cookies_are_for_us_alone
    ),
    "links for ever": Sabotage(
        statements_say(
            "account_links", "DELETE FROM account_links WHERE token_hash", "UPDATE account_links SET name = name WHERE token_hash"
        ),
        proofs.a_link_is_good_once,
    ),
    "old links": Sabotage(statements_say("account_links", " AND expires_at > %(now)s", ""), proofs.an_old_link_is_over),
    "any new password": Sabotage(attribute("analytics.metadata.account_links.check_password", nothing), proofs.passwords_are_long),
    "invitations of those who left": Sabotage(
        statements_say("account_links", "l.kind = 'invitation' AND", "false AND"), proofs.whoever_had_to_go_has_no_invitation_left
    ),
    "members for ever": Sabotage(
        statements_say("members", "DELETE FROM members WHERE", "UPDATE members SET role = role WHERE"),
        proofs.a_removed_member_is_out_at_once,
    ),
    "no owner left": Sabotage(
        statements_say("users", "WHERE is_owner AND disabled_at IS NULL ORDER", "WHERE false ORDER"), proofs.the_last_owner_stays
    ),
    "changes unrecorded": Sabotage(attribute("analytics.audit.log.AuditLog.record", _not_done), proofs.changes_are_recorded),
    "looks unrecorded": Sabotage(attribute("analytics.api.auth.record_request", _not_done), proofs.looks_at_persons_are_recorded),
    "refusals unrecorded": Sabotage(attribute("analytics.api.auth.record_refusal", nothing), proofs.refusals_are_recorded),
    "failed sign-ins unrecorded": Sabotage(_only_notes, proofs.failed_sign_ins_are_recorded),
    "seals unchecked": Sabotage(attribute("analytics.audit.chain.hmac.compare_digest", lambda *_: True), proofs.an_altered_record_is_found),
    "people by name": Sabotage(
        attribute("analytics.audit.names.AuditNames.clean", lambda self, value: value), proofs.people_are_hashes_in_the_audit
    ),
    "personal fields in clear": Sabotage(
        attribute("analytics.ingest.personal.PersonalFields._treat_properties", nothing), proofs.personal_fields_are_not_kept_in_clear
    ),
    "a page that may run scripts": Sabotage(
        attribute("analytics.api.accept_page._template", lambda: (*_TEMPLATE, "script-src *")), proofs.the_page_of_links_runs_nothing
    ),
}


@pytest.mark.parametrize("name", SABOTAGES)
async def test_it_is_noticed_when_switched_off(world: World, monkeypatch: Patch, name: str) -> None:
    SABOTAGES[name].breaks(monkeypatch, world)
    with pytest.raises(AssertionError):
        await SABOTAGES[name].notices(world)


def test_each_proof_has_a_sabotage() -> None:
    assert {sabotage.notices for sabotage in SABOTAGES.values()} == set(proofs.PROOFS)
