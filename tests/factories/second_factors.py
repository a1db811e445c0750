"""People with a second factor, and the app on their telephone."""

from dataclasses import dataclass

from analytics.clock import Clock
from analytics.crypto.one_time_codes import app_code, step_of
from tests.fixtures.api import PASSWORD, Api, Caller


@dataclass(frozen=True)
class Enrolled:
    """Somebody's app. The code of this moment was used to confirm it, so the next that is good is `code(1)`."""

    caller: Caller
    secret: str
    recovery_codes: list[str]
    clock: Clock

    def code(self, later: int = 0) -> str:
        """What the app shows now, or so many steps of 30 seconds later."""
        return app_code(self.secret, step_of(self.clock.now()) + later)


async def enrol(api: Api, email: str) -> Enrolled:
    """Give the person with this address a second factor."""
    caller, clock = await api.signed_in(email), api.services.metadata.second_factors._clock
    begun = await caller.post("/v1/auth/second-factor", {"password": PASSWORD})
    assert begun.status_code == 201, begun.text
    secret = begun.json()["secret"]
    confirmed = await caller.post("/v1/auth/second-factor/confirm", {"code": app_code(secret, step_of(clock.now()))})
    assert confirmed.status_code == 200, confirmed.text
    return Enrolled(caller, secret, confirmed.json()["recovery_codes"], clock)
