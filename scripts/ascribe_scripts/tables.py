"""Reads CSV, TSV, JSONL, Parquet (parquet.py) and plain text as a stream of rows, each with the number of its first line.

Lines end at "\\n" (a "\\r" before it is dropped) and nowhere else: texts may hold U+0085 or U+2028. TSV has
no quoting, as in csv.QUOTE_NONE; CSV is quoted the usual way and checked strictly. Memory is bounded by the
longest line, which has a limit. Everything wrong with the input is a PrepareError that names the line.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from typing import Any, BinaryIO, Callable, Iterator, List, Optional, Tuple

from . import parquet
from .errors import IO_ERROR, MALFORMED, USAGE, PrepareError, listing, quote

FORMATS = ("csv", "tsv", "jsonl", "parquet", "text")
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
}
TEXT_NAMES = ("text", "sentence", "content", "review")
LINE_LIMIT = 64 << 20
FIELD_LIMIT = 16 << 20
PEEKED_ROWS = 100
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")

Row = Tuple[int, Any]


class Table:
    """Column names and a stream of (line number, values); `getter` picks one column out of `values`."""

    def __init__(self, kind: str, columns: List[str], rows: Iterator[Row], n_rows: Optional[int] = None):
        self.kind = kind
        self.columns = columns
        self.n_rows = n_rows  # None: shows at the end only
        self.typed = kind in ("jsonl", "parquet")  # knows numbers, lists and nothing from strings
        self.peeked = list(itertools.islice(rows, PEEKED_ROWS))
        if kind == "jsonl":
            keys = dict.fromkeys(key for _, values in self.peeked for key in values)
            self.columns = list(keys)
        self.rows = itertools.chain(self.peeked, rows)

    def find(self, name: str, option: str) -> int:
        """The column called `name`, or the one at that index (not in JSONL, whose columns have no order)."""
        count = self.columns.count(name)
        if count == 1:
            return self.columns.index(name)
        if count > 1:
            raise PrepareError(
                USAGE,
                option,
                "one column named " + quote(name),
                "%d of them" % count,
                "give the column's index, counted from 0",
            )
        if self.kind != "jsonl" and name.isdecimal() and int(name) < len(self.columns):
            return int(name)
        raise PrepareError(
            USAGE,
            option,
            "a column of the input",
            quote(name),
            "its columns are " + (listing(self.columns) or "none"),
        )

    def find_default(self, names: Tuple[str, ...]) -> Optional[int]:
        """The first column with one of the names, in any case."""
        folded = [column.casefold() for column in self.columns]
        for name in names:
            if folded.count(name) == 1:
                return folded.index(name)
        return None

    def find_text(self, taken: List[int]) -> int:
        """The default text column: a usual name, else the only column (not in `taken`) that holds words."""
        column = self.find_default(TEXT_NAMES)
        if column is not None and column not in taken:
            return column
        wordy = [
            column for column in range(len(self.columns)) if column not in taken and self._has_words(column)
        ]
        if len(wordy) == 1:
            return wordy[0]
        raise PrepareError(
            USAGE,
            "--text-column",
            "a column named text, sentence, content or review, or one string " "column",
            listing(self.columns) or "no columns",
            "name it with --text-column",
        )

    def _has_words(self, column: int) -> bool:
        get = self.getter(column)
        values = [get(values) for _, values in self.peeked]
        if self.typed:
            return any(isinstance(value, str) for value in values)
        return any(value and not NUMBER.match(value) for value in values)

    def getter(self, column: int) -> Callable[[Any], Any]:
        """A function from a row's values to the value in `column` (None: absent or null)."""
        if self.kind == "jsonl":
            name = self.columns[column]
            return lambda values: values.get(name)
        return lambda values: values[column]

    def looks_tabbed(self) -> bool:
        """Whether this plain text is more likely a TSV file."""
        return (
            self.kind == "text" and bool(self.peeked) and all("\t" in values[0] for _, values in self.peeked)
        )


def open_table(stream: BinaryIO, kind: str, encoding: Optional[str], header: bool) -> Table:
    """A Table over a binary stream. `header` matters for CSV and TSV only."""
    if kind == "parquet":
        columns, n_rows, arrow_rows = parquet.open_rows(stream)
        return Table(kind, columns, arrow_rows, n_rows)
    lines = numbered_lines(stream, encoding)
    if kind == "text":
        return Table(kind, ["text"], ((line, [text]) for line, text in _chomped(lines)))
    if kind == "jsonl":
        return Table(kind, [], _json_rows(lines))
    rows = _csv_rows(lines) if kind == "csv" else ((line, text.split("\t")) for line, text in _chomped(lines))
    first = next(rows, None)
    if first is None:
        return Table(kind, [], iter(()))
    if header:
        columns = first[1]
    else:
        columns = [str(index) for index in range(len(first[1]))]
        rows = itertools.chain([first], rows)
    return Table(kind, columns, _full_rows(rows, max(1, len(columns)), header))


def numbered_lines(stream: BinaryIO, encoding: Optional[str]) -> Iterator[Tuple[int, str]]:
    """(number, line with its "\\n"), decoded, free of NUL."""
    source = _utf8_lines(stream) if encoding is None else _encoded_lines(stream, encoding)
    for number, line in enumerate(_readable(source), 1):
        if len(line) > LINE_LIMIT:
            raise PrepareError(
                MALFORMED,
                "line %d" % number,
                "at most %d MiB" % (LINE_LIMIT >> 20),
                "more",
                "is this a text file with one row a line?",
            )
        if "\0" in line:
            raise PrepareError(
                MALFORMED,
                "line %d" % number,
                "text",
                "a NUL character",
                "is the file binary, or in UTF-16 (--encoding utf-16)?",
            )
        yield number, line


def _readable(lines: Iterator[str]) -> Iterator[str]:
    try:
        yield from lines
    except OSError as error:
        raise PrepareError(
            IO_ERROR, "reading the input", "a working disk", error.strerror or str(error)
        ) from None


def _utf8_lines(stream: BinaryIO) -> Iterator[str]:
    number = 0
    while True:
        line = stream.readline(LINE_LIMIT + 1)
        if not line:
            return
        number += 1
        if number == 1 and line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise PrepareError(
                MALFORMED,
                "line %d" % number,
                "UTF-8",
                "byte 0x%02x at byte %d of the line" % (line[error.start], error.start),
                "name the file's encoding with --encoding",
            ) from None


def _encoded_lines(stream: BinaryIO, encoding: str) -> Iterator[str]:
    number = 0
    try:
        reader = io.TextIOWrapper(stream, encoding=encoding, newline="\n")
        while True:
            line = reader.readline(LINE_LIMIT + 1)
            if not line:
                reader.detach()
                return
            number += 1
            yield line.removeprefix("\ufeff") if number == 1 else line
    except LookupError:
        raise PrepareError(USAGE, "--encoding", "a text encoding known to Python", quote(encoding)) from None
    except UnicodeError as error:
        raise PrepareError(
            MALFORMED,
            "input after line %d" % number,
            "text in " + encoding,
            quote(error),
            "name the file's encoding with --encoding",
        ) from None


def _chomped(lines: Iterator[Tuple[int, str]]) -> Iterator[Tuple[int, str]]:
    for number, line in lines:
        if line.endswith("\n"):
            line = line[:-2] if line.endswith("\r\n") else line[:-1]
        yield number, line


def _csv_rows(lines: Iterator[Tuple[int, str]]) -> Iterator[Row]:
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader((line for _, line in lines), strict=True)
    while True:
        start = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise PrepareError(
                MALFORMED,
                "line %d" % start,
                "a CSV row",
                "%s (at line %d)" % (error, reader.line_num),
                "check the quotes from that line on, or use --format tsv, which has none",
            ) from None
        yield start, fields or [""]


def _full_rows(rows: Iterator[Row], width: int, header: bool) -> Iterator[Row]:
    """Rows of exactly `width` fields. Blank lines may end a file of several columns, not stand inside it."""
    blank = None
    for line, fields in rows:
        if width > 1 and fields == [""]:
            blank = blank or line
            continue
        if blank is not None:
            line, fields = blank, []
        if len(fields) != width:
            raise PrepareError(
                MALFORMED,
                "line %d" % line,
                "%d columns as in the %s" % (width, "header" if header else "first row"),
                str(len(fields)) if fields else "a blank line",
            )
        yield line, fields


def _json_rows(lines: Iterator[Tuple[int, str]]) -> Iterator[Row]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PrepareError(MALFORMED, "line %d" % number, "a JSON object", quote(error, 120)) from None
        if not isinstance(values, dict):
            raise PrepareError(
                MALFORMED,
                "line %d" % number,
                "a JSON object",
                quote(line.strip()),
                'every line is one object, such as {"text": "...", "label": 1}',
            )
        yield number, values
