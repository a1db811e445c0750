"""Documents taken apart by their structure alone, and halves of characters mended."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest import split
from analytics.ingest.split import count_elements, split_array, split_object
from analytics.ingest.surrogates import mend_surrogates

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab,[]{}":\\\n é😀', max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('a,"\\]', max_size=3), inner, max_size=4),
    max_leaves=12,
)
INDENTS = st.sampled_from([None, 1])


@given(st.lists(VALUES, max_size=6), INDENTS, st.booleans(), st.integers(1, 40))
def test_an_array_is_split_into_its_elements_at_any_window(values: list[object], indent: int | None, escape: bool, window: int) -> None:
    text = json.dumps(values, ensure_ascii=escape, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split, "_WINDOW_BYTES", window)
        parts = split_array(b" " + text + b"\n")
        assert parts is not None
        assert [json.loads(part) for part in parts] == values
        assert count_elements(text) == len(values)


@given(st.dictionaries(st.text('a,"\\:{', max_size=3), VALUES, max_size=6), INDENTS)
def test_an_object_is_split_into_its_members(members: dict[str, object], indent: int | None) -> None:
    parts = split_object(json.dumps(members, indent=indent, ensure_ascii=False).encode())
    assert parts is not None
    assert [json.loads(part) for part in parts.values()] == list(members.values())
    if not any('"' in name or "\\" in name for name in members):
        assert list(parts) == list(members)


def test_the_last_of_equal_members_counts() -> None:
    assert split_object(b'{"a":1,"a":2}') == {"a": b"2"}


@pytest.mark.parametrize(
    "text",
    [b"", b"[", b"]", b"[[]", b"[]]", b"[][]", b"[1],[2]", b"[1}", b'["]', b'["\\"]', b"{]", b"[1] 2", b'"[1]"', b"[1,2]]", b"null", b"1"],
)
def test_brackets_that_do_not_fit_split_nothing(text: bytes) -> None:
    assert split_array(text) is None
    assert split_object(text) is None


@pytest.mark.parametrize("text", [b"{1}", b'{"a"}', b"{a:1}", b'{"a":1,}', b'{,"a":1}'])
def test_members_without_a_name_split_nothing(text: bytes) -> None:
    assert split_object(text) is None


def test_depth_does_not_matter() -> None:
    deep = b"[" * 200_000 + b"1,2" + b"]" * 200_000
    assert split_array(b"[" + deep + b",3]") == [deep, b"3"]
    assert split_object(b'{"a":' + deep + b"}") == {"a": deep}


def test_countless_parts_are_not_made() -> None:
    many = b"[" + b"0," * 1_000_001 + b"0]"
    assert count_elements(many) == 1_000_002
    assert split_array(many) is None


def test_twenty_megabytes_are_counted_in_bounded_time() -> None:
    started = time.process_time()
    assert count_elements(b"[" + b"[]," * 6_600_000 + b"[]]") == 6_600_001
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("sent", "mended"),
    [
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\uD83D"', rb'"\ufffd"'),
        (rb'"\ude00"', rb'"\ufffd"'),
        (rb'"\ude00\ud83d"', rb'"\ufffd\ufffd"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\ud83d\ude00\ude00"', rb'"\ud83d\ude00\ufffd"'),
        (rb'"\ud83dx\ude00"', rb'"\ufffdx\ufffd"'),
        (rb'"\ud83d\u0041"', rb'"\ufffd\u0041"'),
        (rb'"\\\ud83d"', rb'"\\\ufffd"'),
        (rb'"\\\\\\\ud83d"', rb'"\\\\\\\ufffd"'),
        (rb'"\ud83d\\\ude00"', rb'"\ufffd\\\ufffd"'),
        (rb'"\ud83d\\ude00"', rb'"\ufffd\\ude00"'),
    ],
)
def test_a_half_of_a_character_is_replaced(sent: bytes, mended: bytes) -> None:
    assert mend_surrogates(sent) == mended
    assert json.loads(mended).encode()


@pytest.mark.parametrize(
    "sent", [b"", b"{}", rb'"\ud83d\ude00"', rb'"\\ud83d"', rb'"\\\\ud83d"', rb'"\u00e9"', b'"\0\\ud83d"', "😀".encode()]
)
def test_nothing_else_is_mended(sent: bytes) -> None:
    assert mend_surrogates(sent) is None


@given(st.text(st.sampled_from("a\\\ud83d\ude00\ud800\udfff"), max_size=12))
def test_what_is_mended_can_be_written_as_utf8(text: str) -> None:
    mended = mend_surrogates(json.dumps(text).encode())
    paired = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if mended is None:
        assert json.loads(json.dumps(text)).encode() or not text
    else:
        assert json.loads(mended) == paired or "\ufffd" in json.loads(mended)
        json.loads(mended).encode()
