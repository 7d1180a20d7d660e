"""Texts or pairs of texts through the tokenizer: the tokens that stay, where they stand, and those that were cut off."""

from __future__ import annotations

import itertools
from typing import Any, List, Tuple

import numpy as np

from .errors import MALFORMED, PrepareError, quote
from .model_dir import ModelDir
from .segment import Tokens


class Encoder:
    """The model's tokenizer with truncation to `max_length` tokens. Texts come flat, those of a pair in a row."""

    def __init__(self, model: ModelDir, max_length: int, texts_per_row: int):
        self._tokenizer = model.tokenizer
        self._side = model.truncation_side
        self._max_length = max_length
        self._texts_per_row = texts_per_row
        self._truncate()

    def encode(self, lines: List[int], texts: List[str]) -> List[Any]:
        inputs = texts if self._texts_per_row == 1 else list(zip(texts[0::2], texts[1::2]))
        try:
            return self._tokenizer.encode_batch(inputs)
        except Exception as error:  # the library raises nothing more specific
            raise PrepareError(
                MALFORMED,
                "lines %d to %d" % (lines[0], lines[-1]),
                "texts that the tokenizer can encode",
                quote(error, 120),
            ) from None

    def kept(self, encodings: List[Any]) -> Tuple[np.ndarray, np.ndarray, np.ndarray, Tokens]:
        """Tokens a row, ids, types, and where they stand."""
        counts, tokens = self._tokens(encodings, np.arange(len(encodings)))
        return counts, _flat(encodings, "ids", np.int32), _flat(encodings, "type_ids", np.uint8), tokens

    def cut(self, encodings: List[Any], lines: List[int], texts: List[str]) -> Tuple[np.ndarray, Tokens]:
        """Tokens lost a row, and where they stood. The special tokens of the overflow are no loss."""
        if self._texts_per_row == 2:
            return self._cut_of_pairs(encodings, lines, texts)
        overflow = [(row, part) for row, item in enumerate(encodings) for part in item.overflowing]
        rows = np.array([row for row, _ in overflow], np.int64)
        _, tokens = self._tokens([part for _, part in overflow], rows)
        return np.bincount(tokens.text[tokens.maskable], minlength=len(encodings)), tokens

    def _cut_of_pairs(self, encodings: List[Any], lines: List[int], texts: List[str]) -> Tuple[np.ndarray, Tokens]:
        """The overflow of a pair combines the two texts' pieces in every way, so the whole is encoded once more: each
        text lost its last tokens (or its first, if that is the tokenizer's side)."""
        rows = np.array([row for row, item in enumerate(encodings) if item.overflowing], np.int64)
        self._tokenizer.no_truncation()
        whole = self.encode(lines, [text for row in rows for text in texts[2 * row : 2 * row + 2]]) if len(rows) else []
        self._truncate()
        _, all_tokens = self._tokens(whole, rows)
        _, kept_tokens = self._tokens([encodings[row] for row in rows], rows)
        n_kept = np.bincount(kept_tokens.text[kept_tokens.maskable], minlength=len(texts))
        n_all = np.bincount(all_tokens.text[all_tokens.maskable], minlength=len(texts))
        place = np.flatnonzero(all_tokens.maskable)
        text = all_tokens.text[place]
        first = np.concatenate(([0], np.cumsum(n_all)[:-1]))
        index = np.arange(len(place)) - first[text]
        lost = index < (n_all - n_kept)[text] if self._side == "left" else index >= n_kept[text]
        place, text = place[lost], text[lost]
        tokens = Tokens(text, all_tokens.begin[place], all_tokens.end[place], np.ones(len(place), bool))
        return np.bincount(text // 2, minlength=len(encodings)), tokens

    def _truncate(self) -> None:
        self._tokenizer.enable_truncation(
            max_length=self._max_length, stride=0, strategy="longest_first", direction=self._side
        )

    def _tokens(self, encodings: List[Any], rows: np.ndarray) -> Tuple[np.ndarray, Tokens]:
        counts = np.fromiter((len(item) for item in encodings), np.int64, len(encodings))
        offsets = _flat_offsets(encodings)
        special = _flat(encodings, "special_tokens_mask", np.uint8)
        text = np.repeat(rows * self._texts_per_row, counts)
        if self._texts_per_row == 2:
            sequences = itertools.chain.from_iterable(item.sequence_ids for item in encodings)
            text = text + np.fromiter((sequence == 1 for sequence in sequences), np.int64, len(text))
        return counts, Tokens(text, offsets[:, 0], offsets[:, 1], special == 0)


def _flat(encodings: List[Any], name: str, dtype: type) -> np.ndarray:
    return np.fromiter(itertools.chain.from_iterable(getattr(item, name) for item in encodings), dtype)


def _flat_offsets(encodings: List[Any]) -> np.ndarray:
    pairs = itertools.chain.from_iterable(item.offsets for item in encodings)
    return np.fromiter(itertools.chain.from_iterable(pairs), np.int64).reshape(-1, 2)
