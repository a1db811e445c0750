"""Each seal holds the one before it."""

from collections.abc import Sequence

import pytest

from analytics.audit.chain import START, ChainKey, Head, Link, Walk, parse_head
from analytics.errors import InvalidRequestError

KEY, NEWER = ChainKey(b"a key"), ChainKey(b"a newer key")


def links(*records: str, keys: Sequence[ChainKey] = (KEY,)) -> list[Link]:
    """A chain, made by each of `keys` in turn and then by the last of them."""
    made: list[Link] = []
    for number, text in enumerate(records, start=1):
        key = keys[min(number, len(keys)) - 1]
        seal = key.seal(made[-1].seal if made else START, number, (text, None))
        made.append(Link(number, 100 + number, key.id, seal, (text, None)))
    return made


def found(chain: list[Link], expected: Head | None = None, keys: Sequence[ChainKey] = (KEY,)) -> list[str]:
    walk = Walk(keys, expected)
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


def test_another_key_makes_another_seal_and_has_another_id() -> None:
    assert NEWER.id != KEY.id
    assert NEWER.seal(START, 1, ("a",)) != KEY.seal(START, 1, ("a",))
    assert found(links("a", keys=[NEWER])) == ["other-key"]


def test_what_an_older_key_sealed_before_a_rotation_is_good_and_what_it_seals_later_is_not() -> None:
    both = (KEY, NEWER)
    assert found(links("a", "b", "c", keys=both), keys=both) == []
    assert found(links("a", "b", "c", keys=[KEY, NEWER, KEY]), keys=both) == ["older-key"]
    a, b, c = links("a", "b", "c", keys=both)
    assert found([Link(1, a.record_id, a.key_id, a.seal, ("x", None)), b, c], keys=both) == ["altered"]
    assert found([Link(1, a.record_id, NEWER.id, a.seal, a.fields), b, c], keys=both) == ["altered"]


def test_a_head_is_read_as_it_was_printed() -> None:
    head = Head(7, bytes(range(32)))
    assert parse_head(f" {head}\n") == head
    for wrong in ("", "7", "7:ab", f"{head}0", "-1:" + "0" * 64):
        with pytest.raises(InvalidRequestError):
            parse_head(wrong)
