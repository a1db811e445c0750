"""Each seal holds the one before it."""

import pytest

from analytics.audit.chain import START, ChainKey, Head, Link, Walk, parse_head
from analytics.errors import InvalidRequestError

KEY = ChainKey("a secret")


def links(*records: str) -> list[Link]:
    made: list[Link] = []
    for number, text in enumerate(records, start=1):
        seal = KEY.seal(made[-1].seal if made else START, number, (text, None))
        made.append(Link(number, 100 + number, KEY.id, seal, (text, None)))
    return made


def found(chain: list[Link], expected: Head | None = None) -> list[str]:
    walk = Walk(KEY, expected)
    for link in chain:
        walk.step(link)
    walk.end()
    return [finding.kind for finding in walk.findings]


def test_a_whole_chain_has_nothing_wrong() -> None:
    chain = links("a", "b", "c")
    assert found(chain) == []
    assert found(chain, Head(2, chain[1].seal)) == []
    assert found([], Head()) == []


def test_an_edited_deleted_or_moved_record_and_a_cut_end_are_told_apart() -> None:
    a, b, c = links("a", "b", "c")
    head = Head(3, c.seal)
    assert found([a, Link(2, b.record_id, b.key_id, b.seal, ("x", None)), c], head) == ["altered"]
    assert found([a, Link(2, b.record_id, b.key_id, b.seal, None), c], head) == ["deleted"]
    assert found([a, c], head) == ["missing-seals"]
    assert found([a, b], head) == ["cut-tail"]
    assert found([a, Link(2, c.record_id, c.key_id, c.seal, c.fields), Link(3, b.record_id, b.key_id, b.seal, b.fields)])[:1] == ["altered"]
    assert found(links("a", "b", "d"), head) == ["other-chain"]


def test_a_field_that_is_not_there_is_not_an_empty_one_and_none_runs_into_the_next() -> None:
    seals = {KEY.seal(START, 1, fields) for fields in (("a", None), ("a", ""), ("a", "null"), (None, "a"), ("a",), ('a","', ""), ("", "a"))}
    assert len(seals) == 7


def test_the_key_is_made_from_the_secret() -> None:
    other = ChainKey("another")
    assert other.id != KEY.id
    assert other.seal(START, 1, ("a",)) != KEY.seal(START, 1, ("a",))


def test_a_head_is_read_as_it_was_printed() -> None:
    head = Head(7, bytes(range(32)))
    assert parse_head(f" {head}\n") == head
    for wrong in ("", "7", "7:ab", f"{head}0", "-1:" + "0" * 64):
        with pytest.raises(InvalidRequestError):
            parse_head(wrong)
