"""`/v1/auth/second-factor` and `/v1/users/{email}/second-factor`: a code of an authenticator app beside the password."""

from typing import Annotated

from fastapi import APIRouter, Request

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.schemas.second_factor import (
    AppCode,
    EnrolmentAnswer,
    OwnPassword,
    PasswordAndCode,
    RecoveryCodesAnswer,
    SecondFactorAnswer,
)
from analytics.api.sign_in import address_of, brake, signed_in_person
from analytics.crypto.one_time_codes import app_address
from analytics.domain.access import Permission, Person
from analytics.errors import SecondFactorWrongError
from analytics.metadata.second_factors import wrong_code
from analytics.services import Services

router = APIRouter(prefix="/v1", tags=["sign-in"])
MayChangeSelf = Annotated[Access, Allowed(Permission.CHANGE_SELF)]


@router.get("/auth/second-factor")
async def read_second_factor(access: Annotated[Access, Allowed(Permission.READ_SELF)], services: OpenServices) -> SecondFactorAnswer:
    """Whether one has a second factor oneself, and how many recovery codes are left."""
    person, _ = signed_in_person(access)
    return SecondFactorAnswer.model_validate(await services.metadata.second_factors.find(person.id))


@router.post("/auth/second-factor", status_code=201)
async def begin_second_factor(wanted: OwnPassword, request: Request, access: MayChangeSelf, services: OpenServices) -> EnrolmentAnswer:
    """A secret for one's authenticator app, shown once. It counts once a code of the app confirmed it, within 15 minutes."""
    person, _ = signed_in_person(access)
    await services.metadata.second_factors.require_none(person.id)  # first, or the password would have guesses of codes forgiven
    await brake(request, services, "password", person.email)
    await services.metadata.users.check_own_password(person, wanted.password, "/password")
    await services.sign_in_brake.succeeded(person.email, address_of(request))
    made = await services.metadata.second_factors.begin(person.id)
    return EnrolmentAnswer(secret=made.secret, otpauth_uri=app_address(made.secret, person.email), expires_at=made.expires_at)


@router.post("/auth/second-factor/confirm")
async def confirm_second_factor(wanted: AppCode, request: Request, access: MayChangeSelf, services: OpenServices) -> RecoveryCodesAnswer:
    """Have the second factor asked for from now on: answers ten recovery codes, shown once. Sign-ins that are there stay."""
    person, _ = signed_in_person(access)
    await brake(request, services, "password", person.email)
    codes = await services.metadata.second_factors.confirm(person.id, wanted.code)
    await services.sign_in_brake.succeeded(person.email, address_of(request))
    return RecoveryCodesAnswer(recovery_codes=codes)


@router.post("/auth/second-factor/recovery-codes")
async def renew_recovery_codes(
    wanted: PasswordAndCode, request: Request, access: MayChangeSelf, services: OpenServices
) -> RecoveryCodesAnswer:
    """Ten other recovery codes in place of those there are, shown once."""
    person = await _proven(wanted, request, access, services)
    return RecoveryCodesAnswer(recovery_codes=await services.metadata.second_factors.renew_codes(person.id))


@router.post("/auth/second-factor/remove", status_code=204)
async def remove_second_factor(wanted: PasswordAndCode, request: Request, access: MayChangeSelf, services: OpenServices) -> None:
    """Take off one's own second factor."""
    person = await _proven(wanted, request, access, services)
    await services.metadata.second_factors.remove(person.id)


@router.get("/users/{email}/second-factor")
async def read_second_factor_of(
    email: str, access: Annotated[Access, Allowed(Permission.MANAGE_USERS, "second-factor.read")], services: OpenServices
) -> SecondFactorAnswer:
    """Whether somebody has a second factor. Owners only."""
    return SecondFactorAnswer.model_validate(await services.metadata.second_factors.find_by_email(email))


@router.delete("/users/{email}/second-factor", status_code=204)
async def remove_second_factor_of(email: str, access: Annotated[Access, Allowed(Permission.MANAGE_USERS)], services: OpenServices) -> None:
    """Take off somebody's second factor, as for a lost telephone: the password alone is asked for then. Owners only."""
    await services.metadata.second_factors.remove_by_email(access.actor, email)


async def _proven(wanted: PasswordAndCode, request: Request, access: Access, services: Services) -> Person:
    """The person who asks, by the password and a code. Raises InvalidRequestError naming what is wrong, ConflictError without a factor."""
    person, _ = signed_in_person(access)
    await services.metadata.second_factors.require(person.id)
    await brake(request, services, "password", person.email)
    await services.metadata.users.check_own_password(person, wanted.password, "/password")
    try:
        await services.metadata.second_factors.use(person.id, wanted.code)
    except SecondFactorWrongError as error:
        raise wrong_code() from error
    await services.sign_in_brake.succeeded(person.email, address_of(request))
    return person
