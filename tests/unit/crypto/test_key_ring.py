"""Ring keys, sealed secrets, personal values: what opens where, and what does not."""

import base64

import pytest

from analytics.crypto.key_ring import KeyName, KeyRing, RingKey, WrappedKey, bound, make_ring_key
from analytics.crypto.personal_values import PersonalValues
from analytics.crypto.sealed_secrets import SealedSecrets
from analytics.domain.personal_fields import PersonalMode
from analytics.errors import MetadataUnavailableError, UnsealError
from tests.factories.projects import make_project


def ring_of(*keys: RingKey, secret_key: str = "a secret key") -> KeyRing:
    ring = KeyRing(secret_key)
    ring.show([ring.wrapping.wrap(key) for key in keys])
    return ring


def full_ring() -> KeyRing:
    return ring_of(*(make_ring_key(name) for name in KeyName))


def retired(key: RingKey) -> RingKey:
    return RingKey(key.id, key.name, False, key.material)


def flipped(token: str) -> str:
    """The token with one bit of its last part changed."""
    head, _, tail = token.rpartition(":")
    raw = bytearray(base64.urlsafe_b64decode(tail + "=" * (-len(tail) % 4)))
    raw[len(raw) // 2] ^= 1
    return f"{head}:{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


# ---- the ring ------------------------------------------------------------------------------------


def test_a_key_opens_under_its_secret_key_alone() -> None:
    key = make_ring_key(KeyName.SECRETS)
    kept = KeyRing("one").wrapping.wrap(key)
    assert KeyRing("one").wrapping.unwrap(kept) == key
    assert key.material not in kept.sealed
    with pytest.raises(UnsealError):
        KeyRing("two").wrapping.unwrap(kept)


def test_a_key_cannot_take_the_place_or_the_name_of_another() -> None:
    ring = KeyRing("one")
    kept = ring.wrapping.wrap(make_ring_key(KeyName.SECRETS))
    for changed in (
        WrappedKey("00000000", kept.name, True, kept.sealed),
        WrappedKey(kept.id, KeyName.PERSONAL_HASH, True, kept.sealed),
        WrappedKey(kept.id, kept.name, True, kept.sealed[:-1] + bytes([kept.sealed[-1] ^ 1])),
        WrappedKey(kept.id, kept.name, True, b""),
    ):
        with pytest.raises(UnsealError):
            ring.show([changed])


def test_a_ring_that_cannot_be_read_leaves_the_one_before() -> None:
    key = make_ring_key(KeyName.SECRETS)
    ring = ring_of(key)
    with pytest.raises(UnsealError):
        ring.show([KeyRing("two").wrapping.wrap(make_ring_key(KeyName.SECRETS))])
    assert ring.active(KeyName.SECRETS) == key


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(MetadataUnavailableError):
        SealedSecrets(KeyRing("one")).seal("p1", "mail", "x")
    with pytest.raises(MetadataUnavailableError):
        PersonalValues(KeyRing("one")).treat("p1", "user_id", PersonalMode.HASH, b'"u"')


def test_a_key_does_not_show_itself() -> None:
    assert "material" not in repr(make_ring_key(KeyName.SECRETS))


def test_parts_cannot_run_into_each_other() -> None:
    assert bound("a", "bc") != bound("ab", "c") != bound("abc")


# ---- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a password", "ü\n\x00" * 1000])
def test_a_secret_opens_where_it_was_sealed(text: str) -> None:
    secrets = SealedSecrets(full_ring())
    sealed = secrets.seal("p1", "mail", text)
    assert secrets.open("p1", "mail", sealed) == text
    assert sealed != secrets.seal("p1", "mail", text), "equal secrets do not show that they are equal"
    assert not text or text not in sealed


def test_a_secret_opens_nowhere_else() -> None:
    secrets = SealedSecrets(full_ring())
    sealed = secrets.seal("p1", "mail", "a password")
    for project_id, purpose, changed in (
        ("p2", "mail", sealed),
        ("p1", "webhook", sealed),
        ("p1m", "ail", sealed),
        ("p1", "mail", flipped(sealed)),
        ("p1", "mail", sealed[:-4]),
        ("p1", "mail", sealed.replace("s1:", "s2:", 1)),
        ("p1", "mail", "s1:00000000:AAAA"),
        ("p1", "mail", "no such thing"),
    ):
        with pytest.raises(UnsealError):
            secrets.open(project_id, purpose, changed)
    with pytest.raises(UnsealError):
        SealedSecrets(full_ring()).open("p1", "mail", sealed)


def test_after_a_rotation_old_secrets_are_readable_and_new_ones_take_the_new_key() -> None:
    old, new = make_ring_key(KeyName.SECRETS), make_ring_key(KeyName.SECRETS)
    before = SealedSecrets(ring_of(old)).seal("p1", "mail", "a password")
    after = SealedSecrets(ring_of(retired(old), new))
    assert after.open("p1", "mail", before) == "a password"
    assert not after.is_current(before)
    assert after.seal("p1", "mail", "x").startswith(f"s1:{new.id}:")


# ---- personal values -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b'"a@b.c"', b"5", b"5.5", b"true", b'"5"', b'{"a":[1,"x"]}', b'["\xc3\xbc"]', b"123456789012345678901"])
def test_an_encrypted_value_opens_as_it_was(value: bytes) -> None:
    values = PersonalValues(full_ring())
    token = values.treat("p1", "properties.x", PersonalMode.ENCRYPT, value)
    assert token is not None
    assert values.open("p1", "properties.x", token) == value
    assert token == values.treat("p1", "properties.x", PersonalMode.ENCRYPT, value), "equal values stay equal"


def test_an_encrypted_value_opens_nowhere_else() -> None:
    values = PersonalValues(full_ring())
    token = values.treat("p1", "properties.x", PersonalMode.ENCRYPT, b'"a@b.c"') or ""
    assert "a@b.c" not in token
    for project_id, field, changed in (
        ("p2", "properties.x", token),
        ("p1", "properties.y", token),
        ("p1", "properties.x", flipped(token)),
        ("p1", "properties.x", token[:-2]),
        ("p1", "properties.x", f"e1:00000000{token[11:]}"),
        ("p1", "properties.x", "h1:" + "A" * 43),
        ("p1", "properties.x", "plain"),
    ):
        with pytest.raises(UnsealError):
            values.open(project_id, field, changed)
        assert not values.is_ours(project_id, field, changed) or changed.startswith("h1:")


def test_hashes_are_keyed_by_ring_project_and_field() -> None:
    ring = full_ring()
    values = PersonalValues(ring)

    def hashed(values: PersonalValues, project_id: str, field: str) -> str | None:
        return values.treat(project_id, field, PersonalMode.HASH, b'"u-1"')

    seen = {
        hashed(values, "p1", "properties.x"),
        hashed(values, "p2", "properties.x"),
        hashed(values, "p1", "properties.y"),
        hashed(values, "p1", "user_id"),
        hashed(PersonalValues(full_ring()), "p1", "user_id"),
    }
    assert len(seen) == 5
    assert hashed(values, "p1", "user_id") == hashed(values, "p1", "anonymous_id"), "ids of persons are linked by their values"
    assert hashed(values, "p1", "user_id") == hashed(PersonalValues(ring), "p1", "user_id")


def test_after_a_rotation_old_values_are_readable_and_looked_for() -> None:
    old, new = make_ring_key(KeyName.PERSONAL_ENCRYPT), make_ring_key(KeyName.PERSONAL_ENCRYPT)
    before = PersonalValues(ring_of(old)).treat("p1", "properties.x", PersonalMode.ENCRYPT, b'"a@b.c"') or ""
    after = PersonalValues(ring_of(retired(old), new))
    now = after.treat("p1", "properties.x", PersonalMode.ENCRYPT, b'"a@b.c"') or ""
    assert now.startswith(f"e1:{new.id}:")
    assert after.open("p1", "properties.x", before) == b'"a@b.c"'
    project = make_project(personal_fields={"properties.x": PersonalMode.ENCRYPT})
    assert {before, now, "a@b.c"} <= set(after.forms(project, "properties.x", "a@b.c"))


def test_a_dropped_value_is_gone() -> None:
    assert PersonalValues(full_ring()).treat("p1", "properties.x", PersonalMode.DROP, b'"a"') is None


def test_ids_are_looked_for_as_they_are_and_as_hashes() -> None:
    values = PersonalValues(full_ring())
    assert values.ids_as_stored(make_project(), "u-1") == ("u-1",)
    forms = values.ids_as_stored(make_project(personal_fields={"anonymous_id": PersonalMode.HASH}), "u-1")
    assert forms[0] == "u-1"
    assert [form[:3] for form in forms[1:]] == ["h1:"]
