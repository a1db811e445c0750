"""The formats that ClickHouse's tools read, under ClickHouse's own names.

The one thing to know: they are exact, with nothing done to them for spreadsheets or for readers of JSON, which the formats of `POST …/sql`
have.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import cast

from analytics.fence.analyst_door import OutputFormat


class ToolFormat(StrEnum):
    """What an answer comes as."""

    TAB_SEPARATED = "TabSeparated"
    TAB_SEPARATED_WITH_NAMES = "TabSeparatedWithNames"
    TAB_SEPARATED_WITH_NAMES_AND_TYPES = "TabSeparatedWithNamesAndTypes"
    CSV = "CSV"
    CSV_WITH_NAMES = "CSVWithNames"
    CSV_WITH_NAMES_AND_TYPES = "CSVWithNamesAndTypes"
    JSON = "JSON"
    JSON_STRINGS = "JSONStrings"
    JSON_COMPACT = "JSONCompact"
    JSON_COMPACT_STRINGS = "JSONCompactStrings"
    JSON_EACH_ROW = "JSONEachRow"
    JSON_STRINGS_EACH_ROW = "JSONStringsEachRow"
    JSON_COMPACT_EACH_ROW = "JSONCompactEachRow"
    JSON_COMPACT_EACH_ROW_WITH_NAMES = "JSONCompactEachRowWithNames"
    JSON_COMPACT_EACH_ROW_WITH_NAMES_AND_TYPES = "JSONCompactEachRowWithNamesAndTypes"
    JSON_COMPACT_STRINGS_EACH_ROW = "JSONCompactStringsEachRow"
    JSON_COMPACT_STRINGS_EACH_ROW_WITH_NAMES = "JSONCompactStringsEachRowWithNames"
    JSON_COMPACT_STRINGS_EACH_ROW_WITH_NAMES_AND_TYPES = "JSONCompactStringsEachRowWithNamesAndTypes"
    NATIVE = "Native"
    ROW_BINARY = "RowBinary"
    ROW_BINARY_WITH_NAMES = "RowBinaryWithNames"
    ROW_BINARY_WITH_NAMES_AND_TYPES = "RowBinaryWithNamesAndTypes"
    ARROW = "Arrow"
    ARROW_STREAM = "ArrowStream"
    PARQUET = "Parquet"

    @property
    def media_type(self) -> str:
        """As a ClickHouse server says."""
        name = self.value
        if name.startswith("JSON"):
            return "application/x-ndjson; charset=UTF-8" if "EachRow" in name else "application/json; charset=UTF-8"
        if name.startswith("CSV"):
            return f"text/csv; charset=UTF-8; header={'present' if 'Names' in name else 'absent'}"
        if name.startswith("TabSeparated"):
            return "text/tab-separated-values; charset=UTF-8"
        return _BINARY.get(name, "application/octet-stream")

    @property
    def engine_format(self) -> OutputFormat:
        """What the engine is asked for: documents of JSON are made of lines, files of Arrow and Parquet of batches."""
        return _MADE_OF.get(self, cast("OutputFormat", self.value))


_BINARY = {
    "Arrow": "application/vnd.apache.arrow.file",
    "ArrowStream": "application/vnd.apache.arrow.stream",
    "Parquet": "application/vnd.apache.parquet",
}
_MADE_OF: Mapping[ToolFormat, OutputFormat] = {
    ToolFormat.JSON: "JSONCompactEachRowWithNamesAndTypes",
    ToolFormat.JSON_COMPACT: "JSONCompactEachRowWithNamesAndTypes",
    ToolFormat.JSON_STRINGS: "JSONCompactStringsEachRowWithNamesAndTypes",
    ToolFormat.JSON_COMPACT_STRINGS: "JSONCompactStringsEachRowWithNamesAndTypes",
    ToolFormat.ARROW: "ArrowStream",
    ToolFormat.PARQUET: "ArrowStream",
}
_ALIASES = {"ndjson": "jsoneachrow", "jsonlines": "jsoneachrow"}
_BY_NAME = {one.value.lower(): one for one in ToolFormat}


def tool_format(name: str) -> ToolFormat | None:
    """The format of that name, in any case, also `TSV…` and `NDJSON`; None: there is none here."""
    low = name.lower()
    low = "tabseparated" + low[3:] if low.startswith("tsv") else _ALIASES.get(low, low)
    return _BY_NAME.get(low)
