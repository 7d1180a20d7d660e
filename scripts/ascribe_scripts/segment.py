"""Cuts texts into features and gives every token its feature.

Rules (DESIGN: a feature is what receives an attribution):
  word        runs of letters, digits and apostrophes (' and U+2019); every other non-space character on its
              own. A combining mark belongs to what it follows: the run, or the lone character.
  whitespace  runs of non-space characters.
  token       every token that is no special token and covers a character.
A token that touches two features merges them, with everything between; a feature without a token is dropped.
Everything here is array arithmetic over a whole batch of texts, laid out in one character array with a space
before, between and after them. Offsets of tokens come in characters, spans leave in UTF-8 bytes of the row.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import List, Tuple

import numpy as np

GRANULARITIES = ("word", "whitespace", "token")
SPACE, WORD, OTHER, MARK, UNKNOWN = 0, 1, 2, 3, 255


@dataclass
class Tokens:
    """Tokens of a batch, flat; `row`, `begin`, `end` (characters of the row) and `maskable` (not special)."""

    row: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    maskable: np.ndarray


@dataclass
class Features:
    """Features of a batch; see the dataset format for token_feature, spans and counts."""

    token_feature: np.ndarray  # int32, one a token, index within the row, -1 = none
    counts: np.ndarray  # int64 [rows], features a row
    span_begin: np.ndarray  # uint32, bytes
    span_end: np.ndarray  # uint32, bytes
    span_feature: np.ndarray  # int32, index within the row
    span_counts: np.ndarray  # int64 [rows]
    n_merged: int = 0  # features lost by merging
    n_untokenised: int = 0  # dropped: no token, cut or kept, touches them
    n_cut: int = 0  # dropped: all their tokens were cut off
    n_partly_cut: int = 0  # kept with only some of their tokens


class Layout:
    """The character array of a batch."""

    def __init__(self, texts: List[str], codepoints: np.ndarray):
        lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts))
        self.n_rows = len(texts)
        self.codepoints = codepoints
        self.row_begin = (
            1 + np.concatenate(([0], np.cumsum(lengths + 1)[:-1])) if texts else np.zeros(0, np.int64)
        )
        widths = 1 + (codepoints >= 0x80).astype(np.int64) + (codepoints >= 0x800) + (codepoints >= 0x10000)
        self.byte = np.concatenate(([0], np.cumsum(widths)))
        row_end = self.row_begin + lengths
        self.row_bytes = self.byte[row_end] - self.byte[self.row_begin]

    def row_of(self, position: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.row_begin, position, side="right") - 1

    def to_bytes(self, position: np.ndarray, row: np.ndarray) -> np.ndarray:
        return (self.byte[position] - self.byte[self.row_begin[row]]).astype(np.uint32)


def lay_out(texts: List[str]) -> Layout:
    """Raises UnicodeEncodeError for a lone surrogate."""
    joined = " " + " ".join(texts) + " "
    return Layout(texts, np.frombuffer(joined.encode("utf-32-le"), dtype="<u4"))


def _kind_of(character: str) -> int:
    if character.isspace():
        return SPACE
    if character in "'\u2019":
        return WORD
    return {"L": WORD, "N": WORD, "M": MARK}.get(unicodedata.category(character)[0], OTHER)


class Segmenter:
    """Features of batches of texts under one granularity. Keeps a table of the characters seen so far."""

    def __init__(self, granularity: str):
        assert granularity in GRANULARITIES
        self.granularity = granularity
        self._table = np.full(0x110000, UNKNOWN, np.uint8)

    def assign(self, layout: Layout, tokens: Tokens, cut: Tokens) -> Features:
        """Features of the laid-out rows with the kept `tokens`; `cut` are those lost to truncation."""
        kinds = self._kinds(layout.codepoints)
        if self.granularity == "token":
            return _tokens_as_features(layout, kinds != SPACE, tokens, cut)
        return _merge(layout, kinds != SPACE, self._starts(kinds), tokens, cut)

    def spans(self, text: str) -> List[Tuple[int, int]]:
        """The (begin, end) characters of one text's features before any token is looked at."""
        layout = lay_out([text])
        kinds = self._kinds(layout.codepoints)
        begin, end = _runs(kinds != SPACE, self._starts(kinds))[:2]
        return list(zip((begin - 1).tolist(), (end - 1).tolist()))

    def _kinds(self, codepoints: np.ndarray) -> np.ndarray:
        kinds = self._table[codepoints]
        if (kinds == UNKNOWN).any():
            for codepoint in np.unique(codepoints[kinds == UNKNOWN]).tolist():
                self._table[codepoint] = _kind_of(chr(codepoint))
            kinds = self._table[codepoints]
        if self.granularity == "whitespace":
            return (kinds != SPACE).astype(np.uint8)
        return kinds

    def _starts(self, kinds: np.ndarray) -> np.ndarray:
        """Where a feature begins. kinds[0] is a space (see Layout)."""
        marks = kinds == MARK
        if marks.any():
            bases = np.maximum.accumulate(np.where(marks, 0, np.arange(len(kinds))))
            kinds = kinds.copy()
            kinds[marks] = np.where(kinds[bases[marks]] == OTHER, OTHER, WORD)
        previous = np.concatenate(([SPACE], kinds[:-1]))
        return ((kinds == OTHER) & ~marks) | ((kinds == WORD) & (previous != WORD))


def _runs(solid: np.ndarray, starts: np.ndarray):
    """begin, end of every feature (positions); the solid positions; the feature of each of these."""
    solid_at = np.flatnonzero(solid)
    feature_of_solid = np.cumsum(starts[solid_at]) - 1
    begin = np.flatnonzero(starts)
    last = (
        np.concatenate((np.flatnonzero(np.diff(feature_of_solid)), [len(solid_at) - 1]))
        if len(begin)
        else begin
    )
    return begin, solid_at[last] + 1, solid_at, feature_of_solid


def _touched(layout: Layout, before: np.ndarray, tokens: Tokens):
    """Which tokens cover a solid character; the index of their first and last one among the solid ones."""
    base = layout.row_begin[tokens.row]
    first = before[base + tokens.begin]
    last = before[base + tokens.end] - 1
    touching = tokens.maskable & (last >= first)
    return touching, first[touching], last[touching]


def _solid_before(solid: np.ndarray) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(solid)))


def _covered(first: np.ndarray, last: np.ndarray, size: int) -> np.ndarray:
    """Which of `size` places lie in one of the closed ranges."""
    change = np.bincount(first, minlength=size + 1) - np.bincount(last + 1, minlength=size + 1)
    return np.cumsum(change[:size]) > 0


def _merge(layout: Layout, solid: np.ndarray, starts: np.ndarray, tokens: Tokens, cut: Tokens) -> Features:
    begin, end, _, feature_of_solid = _runs(solid, starts)
    size, before = len(begin), _solid_before(solid)
    touching, first, last = _touched(layout, before, tokens)
    first, last = feature_of_solid[first], feature_of_solid[last]
    covered = _covered(first, last, size)
    several = last > first
    joined_to_next = _covered(first[several], last[several] - 1, size)
    lost = np.zeros(size, bool)
    if len(cut.row):
        _, cut_first, cut_last = _touched(layout, before, cut)
        lost = _covered(feature_of_solid[cut_first], feature_of_solid[cut_last], size)

    joined = np.concatenate(([False], joined_to_next[:-1])) if size else joined_to_next
    row = layout.row_of(begin)
    heads = covered & ~joined
    counts = np.bincount(row[heads], minlength=layout.n_rows)
    rank = np.cumsum(heads) - 1
    row_first = np.concatenate(([0], np.cumsum(counts)[:-1]))
    index_in_row = (rank - row_first[row]).astype(np.int32)

    token_feature = np.full(len(tokens.row), -1, np.int32)
    token_feature[touching] = index_in_row[first]

    adjacent = np.concatenate(([False], begin[1:] == end[:-1])) if size else joined
    kept = np.flatnonzero(covered)
    opens = np.flatnonzero(~(joined & adjacent)[kept])
    closes = np.concatenate((opens[1:], [len(kept)])) - 1 if len(opens) else opens
    span_from, span_to = kept[opens], kept[closes]
    span_row = row[span_from]
    return Features(
        token_feature=token_feature,
        counts=counts,
        span_begin=layout.to_bytes(begin[span_from], span_row),
        span_end=layout.to_bytes(end[span_to], span_row),
        span_feature=index_in_row[span_from],
        span_counts=np.bincount(span_row, minlength=layout.n_rows),
        n_merged=int(joined_to_next.sum()),
        n_untokenised=int((~covered & ~lost).sum()),
        n_cut=int((~covered & lost).sum()),
        n_partly_cut=int((covered & lost).sum()),
    )


def _tokens_as_features(layout: Layout, solid: np.ndarray, tokens: Tokens, cut: Tokens) -> Features:
    """One feature a token, in text order; its span is the token's without the spaces around it."""
    chosen = np.flatnonzero(tokens.maskable & (tokens.end > tokens.begin))
    row = tokens.row[chosen]
    base = layout.row_begin[row]
    begin, end = base + tokens.begin[chosen], base + tokens.end[chosen]
    before, solid_at = _solid_before(solid), np.flatnonzero(solid)
    trim = before[end] > before[begin]
    begin[trim], end[trim] = solid_at[before[begin[trim]]], solid_at[before[end[trim]] - 1] + 1

    order = np.lexsort((begin, row))
    chosen, row, begin, end = chosen[order], row[order], begin[order], end[order]
    counts = np.bincount(row, minlength=layout.n_rows)
    row_first = np.concatenate(([0], np.cumsum(counts)[:-1]))
    index_in_row = (np.arange(len(row)) - row_first[row]).astype(np.int32)
    token_feature = np.full(len(tokens.row), -1, np.int32)
    token_feature[chosen] = index_in_row
    return Features(
        token_feature=token_feature,
        counts=counts,
        span_begin=layout.to_bytes(begin, row),
        span_end=layout.to_bytes(end, row),
        span_feature=index_in_row,
        span_counts=counts,
        n_cut=int((cut.maskable & (cut.end > cut.begin)).sum()),
    )
