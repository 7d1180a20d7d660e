"""Cuts texts into features and gives every token its feature.

Rules (DESIGN: a feature is what receives an attribution):
  word        runs of letters, digits and apostrophes (' and U+2019); every other non-space character on its
              own. A combining mark belongs to what it follows: the run, or the lone character.
  whitespace  runs of non-space characters.
  token       every token that is no special token and covers a character.
  other       whatever a finder of features.py finds; what lies between belongs to no feature.
A token that touches two features merges them, with everything between where the rule covers it; a span without a
token is dropped, and so is a feature without a span. Spaces are touched by no token.
Everything here is array arithmetic over a whole batch of texts, laid out in one character array with a space
before, between and after them; a row is one text, or two (a pair) that no feature crosses. Offsets of tokens come
in characters of their text, spans leave in UTF-8 bytes of the row, whose texts lie back to back.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np

from .features import Finder

GRANULARITIES = ("word", "whitespace", "token")
SPACE, WORD, OTHER, MARK, UNKNOWN = 0, 1, 2, 3, 255


@dataclass
class Tokens:
    """Tokens of a batch, flat; `text` (index in the layout), `begin`, `end` (characters of the text) and `maskable`
    (not special)."""

    text: np.ndarray
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
    """The character array of a batch. Text t belongs to row t // texts_per_row."""

    def __init__(self, texts: List[str], codepoints: np.ndarray, texts_per_row: int):
        lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts))
        self.texts = texts
        self.texts_per_row = texts_per_row
        self.n_rows = len(texts) // texts_per_row
        self.codepoints = codepoints
        self.text_begin = (
            1 + np.concatenate(([0], np.cumsum(lengths + 1)[:-1])) if texts else np.zeros(0, np.int64)
        )
        widths = 1 + (codepoints >= 0x80).astype(np.int64) + (codepoints >= 0x800) + (codepoints >= 0x10000)
        self.byte = np.concatenate(([0], np.cumsum(widths)))
        sizes = self.byte[self.text_begin + lengths] - self.byte[self.text_begin]
        self.text_bytes = sizes.reshape(self.n_rows, texts_per_row)
        self.row_bytes = self.text_bytes.sum(axis=1)
        self._bytes_before = (np.cumsum(self.text_bytes, axis=1) - self.text_bytes).ravel()

    def text_of(self, position: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.text_begin, position, side="right") - 1

    def to_bytes(self, position: np.ndarray, text: np.ndarray) -> np.ndarray:
        """Positions in `text` as bytes of the row."""
        inside = self.byte[position] - self.byte[self.text_begin[text]]
        return (inside + self._bytes_before[text]).astype(np.uint32)


@dataclass
class _Pieces:
    """Spans before any token is looked at, by position, without overlap; pieces of one `label` are one feature."""

    begin: np.ndarray  # positions in the layout
    end: np.ndarray
    solid: np.ndarray  # bool, one a character: of a piece, and no space
    piece_of_solid: np.ndarray  # one a solid character
    label: Optional[np.ndarray]  # int64, dense; None: every piece is its own feature


def lay_out(texts: List[str], texts_per_row: int = 1) -> Layout:
    """Raises UnicodeEncodeError for a lone surrogate."""
    joined = " " + " ".join(texts) + " "
    return Layout(texts, np.frombuffer(joined.encode("utf-32-le"), dtype="<u4"), texts_per_row)


def _kind_of(character: str) -> int:
    if character.isspace():
        return SPACE
    if character in "'\u2019":
        return WORD
    return {"L": WORD, "N": WORD, "M": MARK}.get(unicodedata.category(character)[0], OTHER)


class Segmenter:
    """Features of batches of texts under one granularity, or those that `finder` finds. Keeps a table of the
    characters seen so far."""

    def __init__(self, granularity: str, finder: Optional[Finder] = None):
        assert finder is not None or granularity in GRANULARITIES
        self.granularity = granularity
        self._finder = finder
        self._table = np.full(0x110000, UNKNOWN, np.uint8)

    def assign(self, layout: Layout, tokens: Tokens, cut: Tokens) -> Features:
        """Features of the laid-out rows with the kept `tokens`; `cut` are those lost to truncation."""
        kinds = self._kinds(layout.codepoints)
        if self._finder is not None:
            return _merge(layout, _found(layout, kinds != SPACE, self._finder), tokens, cut)
        if self.granularity == "token":
            return _tokens_as_features(layout, kinds != SPACE, tokens, cut)
        return _merge(layout, _runs(kinds != SPACE, self._starts(kinds)), tokens, cut)

    def spans(self, text: str) -> List[Tuple[int, int]]:
        """The (begin, end) characters of one text's features before any token is looked at."""
        layout = lay_out([text])
        kinds = self._kinds(layout.codepoints)
        pieces = _runs(kinds != SPACE, self._starts(kinds))
        return list(zip((pieces.begin - 1).tolist(), (pieces.end - 1).tolist()))

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


def _runs(solid: np.ndarray, starts: np.ndarray) -> _Pieces:
    """A piece from every start to the last solid character before the next."""
    solid_at = np.flatnonzero(solid)
    piece_of_solid = np.cumsum(starts[solid_at]) - 1
    begin = np.flatnonzero(starts)
    last = (
        np.concatenate((np.flatnonzero(np.diff(piece_of_solid)), [len(solid_at) - 1])) if len(begin) else begin
    )
    return _Pieces(begin, solid_at[last] + 1, solid, piece_of_solid, None)


def _found(layout: Layout, solid: np.ndarray, finder: Finder) -> _Pieces:
    """The pieces that a finder finds; a key stands for one feature within its text."""
    begin: List[int] = []
    end: List[int] = []
    label: List[int] = []
    n_labels = 0
    for base, spans in zip(layout.text_begin.tolist(), finder.find(layout.texts)):
        labels: dict = {}
        for first, last, key in spans:
            begin.append(base + first)
            end.append(base + last)
            if key is None:
                label.append(n_labels)
                n_labels += 1
            else:
                label.append(labels.setdefault(key, n_labels))
                n_labels += label[-1] == n_labels
    starts, ends = np.array(begin, np.int64), np.array(end, np.int64)
    size = len(solid)
    inside = np.cumsum(np.bincount(starts, minlength=size + 1) - np.bincount(ends, minlength=size + 1))[:size]
    solid = solid & (inside > 0)
    piece_of_solid = np.searchsorted(starts, np.flatnonzero(solid), side="right") - 1
    return _Pieces(starts, ends, solid, piece_of_solid, np.array(label, np.int64))


def _touched(layout: Layout, before: np.ndarray, tokens: Tokens):
    """Which tokens cover a solid character; the index of their first and last one among the solid ones."""
    base = layout.text_begin[tokens.text]
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


def _unite(label: np.ndarray, joined: np.ndarray) -> np.ndarray:
    """The label of every piece once those of joined neighbours are one."""
    parent = list(range(int(label.max()) + 1 if len(label) else 0))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for place in np.flatnonzero(joined).tolist():
        parent[root(int(label[place]))] = root(int(label[place - 1]))
    return np.array([root(number) for number in range(len(parent))], np.int64)[label]


def _marked(label: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """For every label whether one of its pieces is chosen."""
    marks = np.zeros(int(label.max()) + 1 if len(label) else 0, bool)
    marks[label[chosen]] = True
    return marks


def _merge(layout: Layout, pieces: _Pieces, tokens: Tokens, cut: Tokens) -> Features:
    begin, end, piece_of_solid = pieces.begin, pieces.end, pieces.piece_of_solid
    size, before = len(begin), _solid_before(pieces.solid)
    touching, first, last = _touched(layout, before, tokens)
    first, last = piece_of_solid[first], piece_of_solid[last]
    covered = _covered(first, last, size)
    several = last > first
    joined_to_next = _covered(first[several], last[several] - 1, size)
    lost = np.zeros(size, bool)
    if len(cut.text):
        _, cut_first, cut_last = _touched(layout, before, cut)
        lost = _covered(piece_of_solid[cut_first], piece_of_solid[cut_last], size)

    joined = np.concatenate(([False], joined_to_next[:-1])) if size else joined_to_next
    label = np.arange(size) if pieces.label is None else pieces.label
    united = np.cumsum(~joined) if pieces.label is None else _unite(label, joined)
    text = layout.text_of(begin)
    row = text // layout.texts_per_row

    # Features that have a piece with a token, numbered by their first such piece.
    kept = np.flatnonzero(covered)
    _, head, feature_of_kept = np.unique(united[kept], return_index=True, return_inverse=True)
    order = np.argsort(head)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    counts = np.bincount(row[kept[head]], minlength=layout.n_rows)
    row_first = np.concatenate(([0], np.cumsum(counts)[:-1]))
    index_in_row = np.full(size, -1, np.int32)
    index_in_row[kept] = rank[feature_of_kept] - row_first[row[kept]]

    token_feature = np.full(len(tokens.text), -1, np.int32)
    token_feature[touching] = index_in_row[first]

    adjacent = np.concatenate(([False], begin[1:] == end[:-1])) if size else joined
    opens = np.flatnonzero(~(joined & adjacent)[kept])
    closes = np.concatenate((opens[1:], [len(kept)])) - 1 if len(opens) else opens
    span_from, span_to = kept[opens], kept[closes]
    has_token, has_lost = _marked(label, covered), _marked(label, lost)
    return Features(
        token_feature=token_feature,
        counts=counts,
        span_begin=layout.to_bytes(begin[span_from], text[span_from]),
        span_end=layout.to_bytes(end[span_to], text[span_from]),
        span_feature=index_in_row[span_from],
        span_counts=np.bincount(row[span_from], minlength=layout.n_rows),
        n_merged=len(np.unique(label)) - len(np.unique(united)),
        n_untokenised=int((~has_token & ~has_lost).sum()),
        n_cut=int((~has_token & has_lost).sum()),
        n_partly_cut=int((has_token & has_lost).sum()),
    )


def _tokens_as_features(layout: Layout, solid: np.ndarray, tokens: Tokens, cut: Tokens) -> Features:
    """One feature a token, in text order; its span is the token's without the spaces around it."""
    chosen = np.flatnonzero(tokens.maskable & (tokens.end > tokens.begin))
    text = tokens.text[chosen]
    base = layout.text_begin[text]
    begin, end = base + tokens.begin[chosen], base + tokens.end[chosen]
    before, solid_at = _solid_before(solid), np.flatnonzero(solid)
    trim = before[end] > before[begin]
    begin[trim], end[trim] = solid_at[before[begin[trim]]], solid_at[before[end[trim]] - 1] + 1

    order = np.argsort(begin, kind="stable")
    chosen, text, begin, end = chosen[order], text[order], begin[order], end[order]
    row = text // layout.texts_per_row
    counts = np.bincount(row, minlength=layout.n_rows)
    row_first = np.concatenate(([0], np.cumsum(counts)[:-1]))
    index_in_row = (np.arange(len(row)) - row_first[row]).astype(np.int32)
    token_feature = np.full(len(tokens.text), -1, np.int32)
    token_feature[chosen] = index_in_row
    return Features(
        token_feature=token_feature,
        counts=counts,
        span_begin=layout.to_bytes(begin, text),
        span_end=layout.to_bytes(end, text),
        span_feature=index_in_row,
        span_counts=counts,
        n_cut=int((cut.maskable & (cut.end > cut.begin)).sum()),
    )
