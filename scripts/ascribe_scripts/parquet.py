"""Rows of a Parquet file, one row group after the other. Needs pyarrow (the extra `parquet`).

Columns of text, numbers, booleans, dictionaries of these and lists of these are read; dates, times and decimals become
text; other columns (binary, structures, maps) are as if they were not there. A "line" of the input is a row, counted
from 1.
"""

from __future__ import annotations

import itertools
from typing import Any, BinaryIO, Iterator, List, Tuple

from .errors import MALFORMED, UNAVAILABLE, PrepareError, quote

BATCH_ROWS = 1000


def open_rows(stream: BinaryIO) -> Tuple[List[str], int, Iterator[Tuple[int, List[Any]]]]:
    """Column names, number of rows, and (row number, values)."""
    arrow = _arrow()
    try:
        file = arrow.parquet.ParquetFile(stream)
    except (arrow.ArrowException, OSError) as error:
        raise _malformed(error) from None
    schema = file.schema_arrow
    chosen = [index for index, field in enumerate(schema) if _readable(arrow.types, field.type)]
    names = [schema.field(index).name for index in chosen]
    return names, file.metadata.num_rows, _rows(arrow, file, names, [schema.field(index).name for index in chosen])


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise PrepareError(
            UNAVAILABLE,
            "reading Parquet",
            "the Python package pyarrow",
            "none (%s)" % error,
            "install it with pip install pyarrow, or write the table as CSV or JSONL",
        ) from None
    return pyarrow


def _malformed(error: Exception) -> PrepareError:
    return PrepareError(MALFORMED, "input", "a Parquet file", quote(" ".join(str(error).split()), 160))


def _is_scalar(types: Any, kind: Any) -> bool:
    if types.is_dictionary(kind):
        return _is_scalar(types, kind.value_type)
    return (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_null(kind)
        or _becomes_text(types, kind)
    )


def _becomes_text(types: Any, kind: Any) -> bool:
    return types.is_temporal(kind) and not types.is_interval(kind) or types.is_decimal(kind)


def _is_list(types: Any, kind: Any) -> bool:
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _readable(types: Any, kind: Any) -> bool:
    if _is_list(types, kind):
        return _is_scalar(types, kind.value_type) and not _becomes_text(types, kind.value_type)
    return _is_scalar(types, kind)


def _rows(arrow: Any, file: Any, names: List[str], columns: List[str]) -> Iterator[Tuple[int, List[Any]]]:
    number = itertools.count(1)
    try:
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False):
                values = [_values(arrow, batch.column(index)) for index in _places(batch.schema.names, names)]
                for row in zip(*values) if values else [()] * batch.num_rows:
                    yield next(number), list(row)
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _malformed(error) from None


def _places(found: List[str], names: List[str]) -> List[int]:
    """Where the columns stand in a batch, whatever their order; columns of one name keep theirs."""
    places = {name: [index for index, other in enumerate(found) if other == name] for name in names}
    return [places[name].pop(0) for name in names]


def _values(arrow: Any, column: Any) -> List[Any]:
    if _becomes_text(arrow.types, column.type):
        column = arrow.compute.cast(column, arrow.string())
    return column.to_pylist()
