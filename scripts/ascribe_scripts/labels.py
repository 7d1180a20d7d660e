"""The labels of the rows: one class, several classes or a number for each.

  class   labels/values, an index into labels/names, -1 = none.
  multi   labels/matrix, one column a name, 1 = applies, 0 = does not, 255 in all columns = not labelled. A value is a
          list of names or indices, or a string of them with a separator between.
  hot     the same from lists of 0 and 1 (or booleans), one for every class.
  number  labels/numbers (regression), NaN = none.
Names are the model's where all labels fit them, by name, by name in any case or by index; else the file's own.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .columns import INTEGER, REAL, Spool, Spools, as_text, encoded
from .dataset_file import ROW_CHUNK, DatasetFile
from .errors import MALFORMED, PrepareError, listing, quote
from .model_dir import ModelDir

KINDS = ("class", "multi", "hot", "number")
LABEL_LIMIT = 10000
NOT_LABELLED = 255
WHOLE = re.compile(r"(\d+)(\.0*)?\Z", re.ASCII)


def choose_kind(values: Sequence[Any], separator: Optional[str], model: ModelDir) -> str:
    """What labels are when nobody says it, by the first rows and the model."""
    lists = [value for value in values if isinstance(value, list)]
    members = [member for value in lists for member in value if member is not None]
    if members and all(isinstance(member, (bool, float)) for member in members):
        return "hot"
    if lists or separator is not None or model.problem_type == "multi_label_classification":
        return "multi"
    one_output = model.problem_type is None and model.class_names is not None and len(model.class_names) == 1
    texts = [text for text in ((as_text(value) or "").strip() for value in values) if text]
    if (one_output or model.problem_type == "regression") and all(REAL.match(text) for text in texts):
        return "number"
    return "class"


def make_column(spools: Spools, name: str, kind: str, separator: Optional[str], model: ModelDir) -> Any:
    if kind == "number":
        return NumberColumn(spools, name)
    if kind == "class":
        return ClassColumn(spools, name, model.class_names)
    return MultiColumn(spools, name, model.class_names, kind == "hot", separator)


class _Names:
    """Label texts by first appearance, and what they are called in the file."""

    def __init__(self, column: str, class_names: Optional[List[str]]):
        self._column = column
        self._class_names = class_names
        self.seen: Dict[str, int] = {}
        self.counts: List[int] = []

    def number(self, line: int, text: str) -> int:
        """The place of a label among those seen so far."""
        if text not in self.seen:
            encoded(text, "label " + quote(self._column), line)
            if len(self.seen) == LABEL_LIMIT:
                raise PrepareError(
                    MALFORMED,
                    "label column " + quote(self._column),
                    "at most %d classes" % LABEL_LIMIT,
                    "more, by line %d" % line,
                    "is it the right --label-column? numbers to be predicted: --label-type number",
                )
            self.seen[text] = len(self.seen)
            self.counts.append(0)
        return self.seen[text]

    def resolve(self) -> Tuple[List[str], List[int], bool]:
        """Class names, the class of each text seen, whether the names are the model's."""
        seen = list(self.seen)
        if self._class_names is not None:
            classes = _match(seen, self._class_names)
            if classes is not None:
                return self._class_names, classes, True
        whole = all(INTEGER.match(text) for text in seen)
        names = sorted(seen, key=int) if whole else sorted(seen)
        place = {name: index for index, name in enumerate(names)}
        return names, [place[text] for text in seen], False

    def rows_of_names(self, names: List[str], classes: List[int]) -> Dict[str, int]:
        counts = [0] * len(names)
        for number, place in enumerate(classes):
            counts[place] += self.counts[number]
        return dict(zip(names, counts))

    def describe_mismatch(self) -> str:
        return "labels %s are not the model's classes %s" % (
            listing(sorted(self.seen), 6),
            listing(self._class_names or [], 6),
        )


class ClassColumn:
    """labels/values and labels/names. `class_names` are the model's, or None."""

    kind = "class"

    def __init__(self, spools: Spools, name: str, class_names: Optional[List[str]]):
        self.name = name
        self.names = _Names(name, class_names)
        self._file = spools.new_file()
        self._buffer: List[int] = []
        self.n_unlabelled = 0

    def add(self, line: int, value: Any) -> None:
        text = (as_text(value) or "").strip()
        if not text:
            number = -1
            self.n_unlabelled += 1
        else:
            number = self.names.number(line, text)
            self.names.counts[number] += 1
        self._buffer.append(number)
        if len(self._buffer) >= ROW_CHUNK:
            self._flush()

    def write(self, file: DatasetFile) -> Tuple[Dict[str, int], bool]:
        """Writes the group; returns the rows of each class and whether the names are the model's."""
        names, classes, of_model = self.names.resolve()
        table = np.array(classes + [-1], np.int32)
        self._flush()
        self._file.seek(0)
        for block in iter(lambda: self._file.read(4 * ROW_CHUNK), b""):
            file.append("labels/values", table[np.frombuffer(block, np.int32)], "int32", ROW_CHUNK)
        if names:
            file.write_names("labels/names", names)
        return self.names.rows_of_names(names, classes), of_model

    def _flush(self) -> None:
        self._file.write(np.array(self._buffer, np.int32).tobytes())
        self._buffer.clear()


class MultiColumn:
    """labels/matrix and labels/names. `hot`: values are lists of 0 and 1."""

    kind = "multi"

    def __init__(
        self, spools: Spools, name: str, class_names: Optional[List[str]], hot: bool, separator: Optional[str]
    ):
        self.name = name
        self._hot = hot
        self._n_hot: Optional[int] = None
        self._separator = separator
        self._class_names = class_names
        self.names = _Names(name, class_names)
        self._spool = Spool(spools.new_file())
        self.n_unlabelled = 0

    def add(self, line: int, value: Any) -> None:
        if value is None:
            self.n_unlabelled += 1
            self._spool.add(None)
            return
        place = "line %d, label %s" % (line, quote(self.name))
        texts = self._hot_texts(place, line, value) if self._hot else self._texts(place, value)
        numbers = [self.names.number(line, text) for text in texts]
        if len(set(numbers)) < len(numbers):
            raise PrepareError(
                MALFORMED,
                place,
                "every label once",
                quote(value),
                "lists of 0 and 1, one for every class: --label-type hot",
            )
        for number in numbers:
            self.names.counts[number] += 1
        self._spool.add(struct.pack("<%di" % len(numbers), *numbers))

    def _texts(self, place: str, value: Any) -> List[str]:
        if isinstance(value, str) and self._separator is not None:
            value = value.split(self._separator)
        members = value if isinstance(value, list) else [value]
        if any(member is None or isinstance(member, (list, dict, bool)) for member in members):
            raise PrepareError(MALFORMED, place, "a list of names or indices", quote(value))
        return [text for text in (str(as_text(member)).strip() for member in members) if text]

    def _hot_texts(self, place: str, line: int, value: Any) -> List[str]:
        if not isinstance(value, list) or any(member not in (0, 1) for member in value):
            raise PrepareError(MALFORMED, place, "a list of 0 and 1", quote(value))
        if self._n_hot is None:
            self._n_hot = len(value)
            for index in range(len(value)):
                self.names.number(line, str(index))
        if len(value) != self._n_hot:
            raise PrepareError(
                MALFORMED, place, "%d numbers as in the first row" % self._n_hot, str(len(value))
            )
        return [str(index) for index, member in enumerate(value) if member]

    def write(self, file: DatasetFile) -> Tuple[Dict[str, int], bool]:
        """Writes the group; returns the rows of each class and whether the names are the model's."""
        names, classes, of_model = self.names.resolve()
        if self._hot and of_model and self._n_hot != len(names):
            names, classes, of_model = list(self.names.seen), list(range(len(self.names.seen))), False
        table = np.array(classes, np.int64)
        for block in self._spool.blocks() if names else ():
            matrix = np.zeros((len(block), len(names)), np.uint8)
            for row, data in enumerate(block):
                if data is None:
                    matrix[row] = NOT_LABELLED
                else:
                    matrix[row, table[np.frombuffer(data, "<i4")]] = 1
            file.append_matrix("labels/matrix", matrix)
        if names:
            file.write_names("labels/names", names)
        return self.names.rows_of_names(names, classes), of_model


class NumberColumn:
    """labels/numbers."""

    kind = "number"

    def __init__(self, spools: Spools, name: str):
        self.name = name
        self._file = spools.new_file()
        self._buffer: List[float] = []
        self.n_unlabelled = 0

    def add(self, line: int, value: Any) -> None:
        text = "?" if isinstance(value, (bool, list)) else (as_text(value) or "nan").strip() or "nan"
        number = float(text) if REAL.match(text) else math.inf
        if math.isinf(number):
            raise PrepareError(
                MALFORMED,
                "line %d, label %s" % (line, quote(self.name)),
                "a finite number, or nothing",
                quote(value),
                "if labels are names: --label-type class",
            )
        self.n_unlabelled += math.isnan(number)
        self._buffer.append(number)
        if len(self._buffer) >= ROW_CHUNK:
            self._flush()

    def write(self, file: DatasetFile) -> Tuple[Dict[str, int], bool]:
        """Writes the numbers; there are no names."""
        self._flush()
        self._file.seek(0)
        blocks = iter(lambda: self._file.read(8 * ROW_CHUNK), b"")
        file.write_rows("labels/numbers", (np.frombuffer(block, np.float64) for block in blocks), "float64")
        return {}, True

    def _flush(self) -> None:
        self._file.write(np.array(self._buffer, np.float64).tobytes())
        self._buffer.clear()


def _match(seen: List[str], names: List[str]) -> Optional[List[int]]:
    """The class of each value by name, by name in any case, or by index; None if one of them is no class."""
    exact = {name: index for index, name in enumerate(names)}
    folded = {name.casefold(): index for index, name in enumerate(names)}
    if all(text in exact for text in seen):
        return [exact[text] for text in seen]
    if len(folded) == len(names) and all(text.casefold() in folded for text in seen):
        return [folded[text.casefold()] for text in seen]
    whole = [WHOLE.match(text) for text in seen]
    if all(match and int(match.group(1)) < len(names) for match in whole):
        return [int(match.group(1)) for match in whole]
    return None
