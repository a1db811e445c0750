"""Arrow columns: names for generic types that cannot be written with brackets at run time, and distinct values."""

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    Array: TypeAlias = pa.Array[Any]
    ChunkedArray: TypeAlias = pa.ChunkedArray[Any]
else:
    Array = pa.Array
    ChunkedArray = pa.ChunkedArray


def distinct_texts(column: Array) -> tuple[Array, list[str]]:
    """(position of each row's text among the distinct ones, the distinct texts); a null is the empty text."""
    encoded = column if isinstance(column, pa.DictionaryArray) else pc.dictionary_encode(column.fill_null(cast(Any, "")))
    dictionary = cast("pa.DictionaryArray[Any, Any]", encoded)
    return dictionary.indices, cast(list[str], dictionary.dictionary.to_pylist())
