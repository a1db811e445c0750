"""What a password must be that somebody chooses: long, and not what everybody would try first."""

from analytics.errors import FieldError, InvalidRequestError

LEAST_CHARACTERS = 12
LEAST_DIFFERENT = 4


def check_password(password: str, email: str, pointer: str) -> None:
    """Raises InvalidRequestError, naming the field at `pointer`, for a password that is easy to guess for the person with this address."""
    wrong = _weakness(password, email)
    if wrong:
        raise InvalidRequestError(f"The password {wrong}.", [FieldError(pointer, wrong)])


def _weakness(password: str, email: str) -> str | None:
    if len(password) < LEAST_CHARACTERS:
        return f"must have at least {LEAST_CHARACTERS} characters"
    if len(set(password)) < LEAST_DIFFERENT:
        return f"must have at least {LEAST_DIFFERENT} different characters"
    if password.strip().casefold() == email.strip().casefold():
        return "must not be the address"
    return None
