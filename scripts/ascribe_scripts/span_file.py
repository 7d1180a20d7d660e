"""The user's own spans: a JSONL file with one line for every row of the input, in its order.

A line is {"spans": [[0, 4], [5, 9, "name"], [10, 14, "name"]]}, for a pair also "pair_spans" for the second text; both
may be missing. begin and end count characters (code points, as Python does) of the text, end exclusive. Spans with
the same third member (a string or an integer) are one feature of that text. Spans may not overlap.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Iterator, List

from .errors import MALFORMED, PrepareError, quote
from .features import Finder, Span
from .tables import numbered_lines


class SpanFile(Finder):
    def __init__(self, stream: BinaryIO, path: str, texts_per_row: int, option: str = "--spans"):
        self._name = option + " " + quote(path, 200)
        self._keys = ("spans", "pair_spans")[:texts_per_row]
        self._lines = numbered_lines(stream, None)
        self._n_rows = 0

    def find(self, texts: List[str]) -> Iterator[List[Span]]:
        for first in range(0, len(texts), len(self._keys)):
            number, line = next(self._lines, (0, None))
            if line is None:
                raise PrepareError(
                    MALFORMED, self._name, "a line for every row of the input", "%d lines" % self._n_rows
                )
            self._n_rows += 1
            place = "%s, line %d" % (self._name, number)
            row = self._parse(place, line)
            for text, key in zip(texts[first : first + len(self._keys)], self._keys):
                yield _spans(place, row.get(key), len(text))

    def finish(self, all_rows: bool) -> None:
        if all_rows and next(self._lines, None) is not None:
            raise PrepareError(
                MALFORMED, self._name, "a line for every row of the input, %d" % self._n_rows, "more lines"
            )

    def _parse(self, place: str, line: str) -> dict:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PrepareError(MALFORMED, place, "a JSON object", quote(error, 120)) from None
        if not isinstance(row, dict) or not set(row) <= set(self._keys):
            raise PrepareError(
                MALFORMED, place, "an object with " + " and ".join(self._keys) + " alone", quote(line.strip())
            )
        return row


def _spans(place: str, value: Any, length: int) -> List[Span]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise PrepareError(MALFORMED, place, "a list of spans", quote(value))
    spans: List[Span] = sorted((_span(place, item, length) for item in value), key=lambda span: span[:2])
    for before, after in zip(spans, spans[1:]):
        if after[0] < before[1]:
            raise PrepareError(
                MALFORMED, place, "spans that do not overlap", "%s and %s" % (list(before[:2]), list(after[:2]))
            )
    return spans


def _span(place: str, item: Any, length: int) -> Span:
    well_formed = isinstance(item, list) and 2 <= len(item) <= 3
    if not well_formed or any(type(edge) is not int for edge in item[:2]):
        raise PrepareError(MALFORMED, place, "spans [begin, end] or [begin, end, feature]", quote(item))
    begin, end = item[:2]
    key = item[2] if len(item) == 3 else None
    if key is not None and type(key) not in (int, str):
        raise PrepareError(MALFORMED, place, "a feature named by a string or an integer", quote(key))
    if not 0 <= begin < end <= length:
        raise PrepareError(
            MALFORMED, place, "0 <= begin < end <= %d (the text's characters)" % length, "%d, %d" % (begin, end)
        )
    return begin, end, key
