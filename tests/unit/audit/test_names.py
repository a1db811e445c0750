"""People in the audit are keyed hashes, whatever they are written into."""

import pytest

from analytics.audit.names import AuditNames, kind_of

NAMES = AuditNames("a secret")
PERSON = "u_abcdefghijklmnop"


@pytest.mark.parametrize(
    ("actor", "kind"),
    [
        (PERSON, "person"),
        ("t_abc", "token"),
        ("p_abc", "write-key"),
        ("operator", "operator"),
        ("bootstrap", "service"),
        ("anna@example.org", "address"),
        ("u_anna@example.org", "address"),
    ],
)
def test_an_actor_is_known_by_its_id(actor: str, kind: str) -> None:
    assert kind_of(actor) == kind


def test_equal_names_are_equal_hashes_under_one_key_alone() -> None:
    assert NAMES.actor(PERSON) == AuditNames("a secret").actor(PERSON) != AuditNames("another").actor(PERSON)
    assert NAMES.actor("Anna@Example.org ") == NAMES.actor("anna@example.org")
    assert NAMES.actor(PERSON) not in (NAMES.subject("p_1", PERSON), PERSON)
    assert NAMES.subject("p_1", "u-17") != NAMES.subject("p_2", "u-17")
    assert NAMES.subject("p_1", "\ud800")


def test_addresses_and_people_are_hashed_wherever_they_stand() -> None:
    cleaned = NAMES.clean({"a@b.c": ["to Anna <anna@example.org>, x@y", PERSON, 5, None, True], "p_1": {"name": "u_turn"}})
    assert "@" not in str(cleaned)
    assert PERSON not in str(cleaned)
    assert isinstance(cleaned, dict)
    assert cleaned["p_1"] == {"name": "u_turn"}
    assert NAMES.target("k_1") == "k_1"
    assert NAMES.target(PERSON) == NAMES.actor(PERSON)
    assert NAMES.target("") is None
