"""Columns that go with the rows: ids and what the user keeps (labels: labels.py).

What a column's type is shows only at its end, so its values wait in a nameless temporary file beside the
output (deleted by the system whatever happens) and are written when the last row is known. Memory does not
grow with the number of rows.
"""

from __future__ import annotations

import contextlib
import json
import re
import struct
import tempfile
from typing import Any, BinaryIO, Iterator, List, Optional, Tuple

import numpy as np

from .dataset_file import ROW_CHUNK, DatasetFile
from .errors import MALFORMED, PrepareError, quote

STRING_LIMIT = 4096
UNIQUE_BLOCK = 4 << 20
BUFFER = 1 << 20
MISSING = 0xFFFFFFFF
INTEGER = re.compile(r"(0|-?[1-9][0-9]*)\Z")
REAL = re.compile(
    r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z|[+-]?(nan|inf(inity)?)\Z", re.IGNORECASE | re.ASCII
)


def as_text(value: Any) -> Optional[str]:
    """A table's value as text: None for null, JSON's own spelling for what is no string."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def encoded(value: str, what: str, line: int) -> bytes:
    """The value in UTF-8, refused if a fixed-length string cannot hold it."""
    try:
        data = value.encode("utf-8")
    except UnicodeEncodeError:
        raise PrepareError(
            MALFORMED, "line %d, %s" % (line, what), "Unicode text", "a lone surrogate"
        ) from None
    if b"\0" in data:
        raise PrepareError(MALFORMED, "line %d, %s" % (line, what), "text", "a NUL character")
    if len(data) > STRING_LIMIT:
        raise PrepareError(
            MALFORMED,
            "line %d, %s" % (line, what),
            "at most %d bytes" % STRING_LIMIT,
            "%d bytes" % len(data),
            "only the text column may be that long",
        )
    return data


class Spools(contextlib.ExitStack):
    """The temporary files of a run, in one folder; closed together."""

    def __init__(self, folder: str):
        super().__init__()
        self._folder = folder

    def new_file(self) -> BinaryIO:
        return self.enter_context(tempfile.TemporaryFile(dir=self._folder))


class Spool:
    """Byte strings (or None) in a nameless file, to be read back once, in blocks."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._buffer = bytearray()

    def add(self, data: Optional[bytes]) -> None:
        self._buffer += struct.pack("<I", MISSING if data is None else len(data)) + (data or b"")
        if len(self._buffer) >= BUFFER:
            self._flush()

    def blocks(self) -> Iterator[List[Optional[bytes]]]:
        self._flush()
        self._file.seek(0)
        block: List[Optional[bytes]] = []
        while True:
            head = self._file.read(4)
            if not head:
                break
            size = struct.unpack("<I", head)[0]
            block.append(None if size == MISSING else self._file.read(size))
            if len(block) == ROW_CHUNK:
                yield block
                block = []
        if block:
            yield block

    def _flush(self) -> None:
        self._file.write(self._buffer)
        self._buffer.clear()


class IdColumn:
    """rows/id, and rows/key where the user's ids are no integers. Without a column an id is the position."""

    def __init__(self, spools: Spools, name: Optional[str]):
        self.name = name
        self._spool = Spool(spools.new_file()) if name is not None else None
        self._integers = True
        self._width = 1
        self._out_of_range: Optional[Tuple[int, str]] = None

    def add(self, line: int, value: Any) -> None:
        text = as_text(value)
        what = "id " + quote(self.name)
        if not text:
            raise PrepareError(
                MALFORMED,
                "line %d, %s" % (line, what),
                "a value",
                "nothing",
                "give every row an id or none: --id-column none",
            )
        data = encoded(text, what, line)
        self._width = max(self._width, len(data))
        if not INTEGER.match(text):
            self._integers = False
        elif self._out_of_range is None and not 0 <= int(text) < 1 << 64:
            self._out_of_range = (line, text)
        self._spool.add(data)

    def write(self, file: DatasetFile, n_rows: int) -> None:
        if self._spool is None or not self._integers:
            positions = (
                np.arange(begin, min(begin + ROW_CHUNK, n_rows), dtype=np.uint64)
                for begin in range(0, n_rows, ROW_CHUNK)
            )
            file.write_rows("rows/id", positions, "uint64")
            if self._spool is not None:
                file.write_row_strings("rows/key", self._spool.blocks(), self._width)
            return
        if self._out_of_range is not None:
            raise PrepareError(
                MALFORMED,
                "line %d, id %s" % (self._out_of_range[0], quote(self.name)),
                "an integer from 0 to 2^64 - 1",
                self._out_of_range[1],
                "take positions instead with --id-column none",
            )
        ascending, last = True, -1
        for block in self._spool.blocks():
            ids = np.array([int(data) for data in block], np.uint64)
            ascending = ascending and int(ids[0]) > last and bool((ids[1:] > ids[:-1]).all())
            last = int(ids[-1])
            file.append("rows/id", ids, "uint64", ROW_CHUNK)
        if not ascending:
            self._check_unique(n_rows)

    def _check_unique(self, n_rows: int) -> None:
        """Sorts the ids of one remainder class after the other, so that memory stays bounded."""
        n_parts = 1 + n_rows // UNIQUE_BLOCK
        for part in range(n_parts):
            ids, rows, row = [], [], 0
            for block in self._spool.blocks():
                values = np.array([int(data) for data in block], np.uint64)
                chosen = np.flatnonzero(values % np.uint64(n_parts) == part)
                ids.append(values[chosen])
                rows.append(row + chosen)
                row += len(block)
            ids, rows = np.concatenate(ids), np.concatenate(rows)
            order = np.argsort(ids, kind="stable")
            same = np.flatnonzero(ids[order][1:] == ids[order][:-1])
            if len(same):
                raise PrepareError(
                    MALFORMED,
                    "id column " + quote(self.name),
                    "unique integers",
                    "%d in rows %d and %d (counted from 0)"
                    % (ids[order[same[0]]], rows[order[same[0]]], rows[order[same[0] + 1]]),
                    "take positions instead with --id-column none",
                )


class KeptColumn:
    """meta/COLUMN: int64 or float64 (missing = NaN) if every value is a number; else strings ("")."""

    def __init__(self, spools: Spools, name: str):
        self.name = name
        self._spool = Spool(spools.new_file())
        self._integers = True
        self._reals = True
        self._missing = False
        self._any = False
        self._width = 1

    def add(self, line: int, value: Any, typed: bool) -> None:
        """`typed`: the table knows numbers from strings (JSON), so a string stays one."""
        text = as_text(value)
        if not text:
            self._missing = True
            self._spool.add(None)
            self._reals = self._reals and not (typed and text is not None)
            return
        data = encoded(text, "column " + quote(self.name), line)
        self._any = True
        self._width = max(self._width, len(data))
        self._spool.add(data)
        if typed and isinstance(value, (str, bool)):
            self._integers = self._reals = False
        if self._integers or self._reals:
            self._narrow(text)

    def _narrow(self, text: str) -> None:
        whole = INTEGER.match(text) is not None
        if not (whole and -1 << 63 <= int(text) < 1 << 63):
            self._integers = False
        if whole:
            self._reals = self._reals and abs(int(text)) <= 1 << 53
        elif not REAL.match(text):
            self._reals = False

    def write(self, file: DatasetFile) -> None:
        path = "meta/" + self.name
        if self._any and self._integers and not self._missing:
            file.write_rows(
                path,
                (np.array([int(data) for data in block], np.int64) for block in self._spool.blocks()),
                "int64",
            )
        elif self._any and self._reals:
            file.write_rows(
                path,
                (
                    np.array([np.nan if data is None else float(data) for data in block])
                    for block in self._spool.blocks()
                ),
                "float64",
            )
        else:
            file.write_row_strings(
                path, ([data or b"" for data in block] for block in self._spool.blocks()), self._width
            )
