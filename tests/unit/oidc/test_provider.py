"""What is asked of an identity provider, and how often."""

import asyncio
from typing import Any

import pytest

from analytics.errors import IdentityProviderUnavailableError
from analytics.oidc import provider as provider_module
from analytics.oidc.flow import Flow
from analytics.oidc.id_token import is_same_address
from analytics.oidc.provider import ANSWER_SECONDS, IdentityProvider

pytestmark = pytest.mark.anyio
ISSUER = "https://provider.example"
FLOW = Flow("state", "nonce", "verifier", None, 0.0)
DOCUMENT = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", "authorization_endpoint": f"{ISSUER}/authorize"}


class Away(IdentityProvider):
    """One whose every answer takes as long as we wait, by a clock of its own, but for those in `says`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, says: dict[str, Any], issuer: str = ISSUER) -> None:
        super().__init__(issuer, "client", None, "https://service")
        self.says, self.asked, self.now = says, list[str](), 0.0
        monkeypatch.setattr(provider_module, "time", self)

    def monotonic(self) -> float:
        return self.now

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
        self.asked.append(url.rpartition("/")[2])
        await asyncio.sleep(0)  # others come meanwhile
        if self.asked[-1] in self.says:
            return 200, self.says[self.asked[-1]]
        self.now += ANSWER_SECONDS
        raise IdentityProviderUnavailableError("away")


async def test_who_comes_while_it_hangs_waits_for_one_answer_and_not_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Away(monkeypatch, {})
    found = await asyncio.gather(*(ours.authorization_url(FLOW) for _ in range(5)), return_exceptions=True)
    assert {type(one) for one in found} == {IdentityProviderUnavailableError}
    assert ours.asked == ["openid-configuration"]
    await ours.aclose()


async def test_keys_that_hang_hold_up_neither_each_other_nor_who_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Away(monkeypatch, {"openid-configuration": DOCUMENT})
    found = await asyncio.gather(*(ours.look() for _ in range(5)), return_exceptions=True)
    assert all(isinstance(one, Exception) for one in found)
    found = await asyncio.gather(*(ours._known_keys(1.0) for _ in range(5)), return_exceptions=True)
    assert {type(one) for one in found} == {IdentityProviderUnavailableError}
    assert ours.asked == ["openid-configuration", "jwks"]
    async with ours._keys_lock:  # somebody asks for them
        assert (await asyncio.wait_for(ours.authorization_url(FLOW), 60)).startswith(f"{ISSUER}/authorize?")
    await ours.aclose()


@pytest.mark.parametrize(
    ("issuer", "endpoint", "good"),
    [
        (ISSUER, "https://login.provider.example/authorize", True),
        (ISSUER, "http://127.0.0.1:6379/authorize", False),
        ("http://127.0.0.1:1", "http://127.0.0.1:1/authorize", True),
        ("http://127.0.0.1:1", "https://provider.example/authorize", True),
    ],
)
async def test_a_provider_of_the_network_names_nothing_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, issuer: str, endpoint: str, good: bool
) -> None:
    ours = Away(monkeypatch, {"openid-configuration": {"issuer": issuer, "authorization_endpoint": endpoint}}, issuer)
    if good:
        assert (await ours.authorization_url(FLOW)).startswith(endpoint)
    else:
        with pytest.raises(IdentityProviderUnavailableError):
            await ours.authorization_url(FLOW)
    await ours.aclose()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Mina@Example.org", "mina@example.ORG", True),
        ("\u00c9mile@example.org", "\u00e9mile@example.org", True),
        ("mina@example.org", "m\u0130na@example.org", False),
        ("kim@example.org", "\u212aim@example.org", False),
        ("mina@example.org", "mina@example.or", False),
    ],
)
def test_the_case_of_an_address_counts_for_nothing_and_its_letters_do(one: str, other: str, same: bool) -> None:
    assert is_same_address(one, other) is is_same_address(other, one) is same
