"""The second factor: setting it up, and taking it off."""

from typing import Annotated

from pydantic import Field, StringConstraints

from analytics.api.schemas.base import Answer, Body, UtcTime
from analytics.api.schemas.sign_in import Password

Code = Annotated[str, StringConstraints(max_length=50)]


class OwnPassword(Body):
    """One's own password, shown again."""

    password: Password


class AppCode(Body):
    """What the authenticator app shows."""

    code: Code


class PasswordAndCode(Body):
    """One's own password, and a code of the app or a recovery code."""

    password: Password
    code: Code


class EnrolmentAnswer(Answer):
    """What the app is told, by hand or as a QR code of `otpauth_uri`; shown this once, to be confirmed by then."""

    secret: str
    otpauth_uri: str
    expires_at: UtcTime


class RecoveryCodesAnswer(Answer):
    """Codes that are good once each in place of the app's, shown this once."""

    recovery_codes: list[str]


class SecondFactorAnswer(Answer):
    """Whether somebody has a second factor; `since` is null if not."""

    enabled: bool
    since: UtcTime | None
    recovery_codes_left: Annotated[int, Field(ge=0)]
