"""What people marked as the reasons: features/rationale, 1 for every feature that shares a character with a marked span."""

from __future__ import annotations

from typing import Iterable, List

import numpy as np

from .features import Span
from .segment import Features, Layout


def mark(layout: Layout, found: Features, marked: Iterable[List[Span]]) -> np.ndarray:
    """uint8, one a feature of the batch; `marked`: the spans of every text, in characters."""
    edges = [(text, begin, end) for text, spans in enumerate(marked) for begin, end, _ in spans]
    text, begin, end = np.array(edges, np.int64).reshape(-1, 3).T
    row_begin = np.concatenate(([0], np.cumsum(layout.row_bytes)))
    base = row_begin[text // layout.texts_per_row]
    opens = base + layout.to_bytes(layout.text_begin[text] + begin, text)
    closes = base + layout.to_bytes(layout.text_begin[text] + end, text)
    size = int(row_begin[-1]) + 1
    inside = np.cumsum(np.bincount(opens, minlength=size) - np.bincount(closes, minlength=size)) > 0
    before = np.concatenate(([0], np.cumsum(inside)))

    row = np.repeat(np.arange(layout.n_rows), found.span_counts)
    touched = before[row_begin[row] + found.span_end] > before[row_begin[row] + found.span_begin]
    feature = np.concatenate(([0], np.cumsum(found.counts)))[row] + found.span_feature
    marks = np.zeros(int(found.counts.sum()), np.uint8)
    marks[feature[touched]] = 1
    return marks
