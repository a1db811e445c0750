"""Documents for ClickHouse's tools, made of the engine's chunks however these are cut."""

import json
from collections.abc import Sequence

import pytest

from analytics.adhoc.tool_format import ToolFormat
from analytics.adhoc.tool_shape import ToolShape
from analytics.errors import WarehouseUnavailableError

# Two columns, `a` UInt8 and a long name String, as RowBinary has them.
HEADER = b"\x02\x01a\xc8\x01" + b"n" * 200 + b"\x05UInt8\x06String"
ROWS = (b"\x01\x01x", b"\x02\x01y")


def body(kind: ToolFormat, chunks: Sequence[bytes], *, documents: bool) -> tuple[bytes, ToolShape]:
    shape = ToolShape(kind, None, documents)
    return b"".join(shape.body(iter(chunks))), shape


def test_a_header_of_row_binary_stands_once() -> None:
    kind = ToolFormat.ROW_BINARY_WITH_NAMES_AND_TYPES
    assert body(kind, [HEADER + ROWS[0], HEADER + ROWS[1]], documents=True)[0] == HEADER + ROWS[0] + ROWS[1]
    whole = HEADER + ROWS[0] + ROWS[1]
    assert body(kind, [whole[at : at + 1] for at in range(len(whole))], documents=False)[0] == whole
    assert body(kind, [HEADER], documents=True)[0] == HEADER


def test_an_answer_whose_header_is_cut_is_none() -> None:
    for kind in (ToolFormat.ROW_BINARY_WITH_NAMES, ToolFormat.TAB_SEPARATED_WITH_NAMES, ToolFormat.JSON):
        with pytest.raises(WarehouseUnavailableError):
            body(kind, [b"\x02\x01"], documents=False)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_document_of_json_is_the_same_however_it_comes(size: int) -> None:
    lines = b'["n", "t"]\n["UInt64", "String"]\n[1, "a, [\\"]"]\n[18446744073709551615, "\\n"]\n'
    chunks = [lines[at : at + size] for at in range(0, len(lines), size)]
    told, shape = body(ToolFormat.JSON, chunks, documents=False)
    assert json.loads(told) == {
        "meta": [{"name": "n", "type": "UInt64"}, {"name": "t", "type": "String"}],
        "data": [{"n": 1, "t": 'a, ["]'}, {"n": 18446744073709551615, "t": "\n"}],
        "rows": 2,
    }
    assert shape.rows == 2
    assert json.loads(body(ToolFormat.JSON_COMPACT, chunks, documents=False)[0])["data"][0] == [1, 'a, ["]']
