"""Reads results and evaluations of ascribe. Needs numpy and h5py; to_pandas() also pandas, explanation() shap.

    import ascribe_results

    with ascribe_results.load("result.h5") as result:
        row = result[0]                      # also result[10:20], result.find("my-id"), and a loop over all rows
        print(row.text, row.prediction, row.as_list()[:5])
        table = result.to_pandas()           # a line for every feature of every explained class
        shap.plots.text(result.explanation(rows=slice(0, 5), class_="positive"))

    with ascribe_results.load_evaluation("eval.h5") as evaluation:
        print(evaluation.means["comprehensiveness_aopc"]["difference"]["mean"])
        table = evaluation.to_pandas()       # a line for every row, a column for every metric

Nothing is read before it is asked for, and then for a block of rows at once, so a loop over a result of any size needs
little memory. M = features of a row, K = explained classes of a row, C = classes of the model.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import h5py
import numpy as np

__all__ = ["ResultError", "Result", "Row", "Evaluation", "Importance", "load", "load_evaluation"]

BLOCK_ROWS = 512
NOT_LABELLED = 255
STATUS_NAMES = (
    "no_features",
    "one_feature",
    "truncated",
    "too_long",
    "bad_token_id",
    "non_finite",
    "inconsistent",
    "under_determined",
    "too_many_features",
    "no_fixed_token",
    "no_label",
    "recomputed_bf16",
)


class ResultError(ValueError):
    """The file is no complete result of a version that this module reads."""


def load(path: Any) -> Any:
    """Opens a result, or a file of `ascribe importance` (Importance). FileNotFoundError, ResultError, OSError (no HDF5 file)."""
    file = h5py.File(path, "r")
    try:
        return Importance(file) if _text(file.attrs.get("format", "")) == Importance.FORMAT else Result(file)
    except BaseException:
        file.close()
        raise


def load_evaluation(path: Any) -> "Evaluation":
    """Opens what `ascribe evaluate -o` kept. FileNotFoundError, ResultError, OSError (no HDF5 file)."""
    file = h5py.File(path, "r")
    try:
        return Evaluation(file)
    except BaseException:
        file.close()
        raise


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class _OpenFile:
    """An HDF5 file of a format that is checked, closed at the end of a `with`."""

    def __init__(self, file: h5py.File, expected: str):
        self._file = file
        found, version = (_text(file.attrs.get(name, "")) for name in ("format", "format_version"))
        if found != expected:
            raise ResultError("%s: expected an %s file, found %r" % (file.filename, expected, found))
        if version.split(".")[0] != "1":
            raise ResultError("%s: expected format version 1, found %r" % (file.filename, version))
        if int(file.attrs.get("complete", 0)) != 1:
            raise ResultError("%s: the file is not complete" % file.filename)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class Result(_OpenFile, Sequence):
    """An open result: a sequence of rows."""

    def __init__(self, file: h5py.File):
        super().__init__(file, "ascribe-result")
        self._block: Optional[_Block] = None
        self._n_rows = len(file["rows/id"])
        self._ids: Optional[Dict[Any, int]] = None
        self.class_names: List[str] = [_text(name) for name in file["class_names"][:]]
        names = file["labels/names"][:] if self._has("labels/names") else ()
        self.label_names: List[str] = [_text(name) for name in names]
        self.n_targets: int = int(self._attribute("n_targets", 1))  # K
        self.has_text: bool = self._has("text/bytes")
        self.has_pairs: bool = self.has_text and self._has("text/split")

    def _attribute(self, name: str, default: Any) -> Any:
        return self._file.attrs.get(name, default)

    def _has(self, name: str) -> bool:
        return name in self._file

    path = property(lambda self: self._file.filename)
    method = property(lambda self: _text(self._attribute("method", "")), doc="shapley, occlusion, ...")
    estimator = property(lambda self: _text(self._attribute("estimator", "")))
    output = property(lambda self: _text(self._attribute("output", "")), doc="logit, probability or logodds")
    policy = property(lambda self: _text(self._attribute("policy", "")), doc="what absent features become")
    granularity = property(lambda self: _text(self._attribute("granularity", "")), doc="what the features are")
    manifest = property(
        lambda self: json.loads(_text(self._attribute("manifest", "{}"))), doc="the run's configuration"
    )
    run = property(lambda self: json.loads(_text(self._attribute("run", "{}"))), doc="device, speed, command, ...")

    def __repr__(self) -> str:
        if not self._file:
            return "<closed ascribe result>"
        names = ", ".join(self.class_names)
        return "<ascribe result %r: %d rows, %s of %s>" % (self.path, len(self), self.method, names)

    def __len__(self) -> int:
        return self._n_rows

    def __getitem__(self, index: Union[int, slice]) -> Any:
        """Row `index`, negative ones from the end; or a list of rows, none of them read yet."""
        if isinstance(index, slice):
            return [Row(self, row) for row in range(*index.indices(len(self)))]
        row = int(index)
        if not -len(self) <= row < len(self):
            raise IndexError("row %d of a result of %d rows" % (row, len(self)))
        return Row(self, row % len(self))

    def __iter__(self) -> Iterator["Row"]:
        return (Row(self, row) for row in range(len(self)))

    def find(self, row_id: Union[int, str]) -> "Row":
        """The row with this id (the user's own, where the dataset has them). KeyError."""
        if self._ids is None:
            self._ids = {name: row for row, name in reversed(list(enumerate(self.ids)))}
        return Row(self, self._ids[row_id])

    @property
    def ids(self) -> List[Union[int, str]]:
        """The ids of all rows: the user's keys, else integers."""
        if self._has("rows/key"):
            return [_text(key) for key in self._file["rows/key"][:]]
        return self._file["rows/id"][:].tolist()

    def to_pandas(self, rows: Optional[slice] = None) -> Any:
        """A pandas.DataFrame with a line for every feature of every explained class of the rows (default: all)."""
        import pandas

        chosen = range(*(rows or slice(None)).indices(len(self)))
        columns: Dict[str, List[Any]] = {}
        for row in chosen:
            for name, values in self[row]._lines().items():
                columns.setdefault(name, []).append(values)
        if not columns:
            columns = {name: [np.array([])] for name in _COLUMNS if name != "part" or self.has_pairs}
        return pandas.DataFrame({name: np.concatenate(values) for name, values in columns.items()})

    def explanation(
        self,
        rows: Union[None, int, slice, Sequence[int]] = None,
        class_: Union[None, int, str] = None,
        vocabulary: Optional[int] = None,
    ) -> Any:
        """A shap.Explanation of the rows (default: all) that shap's plots take. Needs shap.

        class_, a name or an index: values are [M] of every row, for plots of one output. Without it [M, K], which needs rows that all
        explain the same classes, and output_names holds these. data: the text in pieces, one for each feature, with
        what follows it up to the next one, so that they join to the whole text; feature_names: the features alone.
        vocabulary=N, with class_: a matrix [rows, N] for shap.plots.beeswarm over the N words with the largest sum of |phi|: values
        the sum of a word's phi in a row, data how often it is there. NaN stays where there is no answer.
        KeyError: a row does not explain the class. ValueError: rows explain different classes, or no row was given."""
        import shap

        if vocabulary is not None and class_ is None:
            raise ValueError("vocabulary: expected class_ beside it")
        if rows is None or isinstance(rows, slice):
            chosen = self[rows or slice(None)]
        else:
            chosen = [self[row] for row in ([rows] if isinstance(rows, (int, np.integer)) else rows)]
        if not chosen:
            raise ValueError("rows: expected at least one, found none")
        columns, names = _columns_of(chosen, class_)
        arrays = {
            "values": [row.values[:, column].astype(np.float64) for row, column in zip(chosen, columns)],
            "error_std": [row.std_errors[:, column].astype(np.float64) for row, column in zip(chosen, columns)],
            "data": [np.array(row._joining_words(), object) for row in chosen],
            "feature_names": [np.array(row.words, object) for row in chosen],
        }
        base = np.array([row.base_value[column] for row, column in zip(chosen, columns)], np.float64)
        if vocabulary is not None:
            return shap.Explanation(base_values=base, **_pivot(arrays["values"], arrays["feature_names"], vocabulary))
        ragged = {name: _objects(value) for name, value in arrays.items()}
        return shap.Explanation(base_values=base, output_names=names, **ragged)

    def _block_of(self, row: int) -> "_Block":
        first = row - row % BLOCK_ROWS
        if self._block is None or self._block.first != first:
            self._block = _Block(self._file, first, min(BLOCK_ROWS, len(self) - first))
        return self._block


class Importance(_OpenFile):
    """Global importance from prediction error: what `ascribe importance -o` wrote, a line for each word or group of words."""

    FORMAT = "ascribe-importance"

    def __init__(self, file: h5py.File):
        super().__init__(file, self.FORMAT)
        self.loss = _text(file.attrs["loss"])
        self.settings = json.loads(_text(file.attrs["settings"]))
        self.n_rows = int(file.attrs["n_evaluated"])
        self.whole: Dict[str, float] = dict(zip(map(_text, file["all/name"][:]), file["all/value"][:].tolist()))
        offsets, data = file["groups/offsets"][:], file["groups/bytes"][:].tobytes()
        self.names = [_text(data[begin:end]) for begin, end in zip(offsets[:-1], offsets[1:])]
        self.table: Dict[str, np.ndarray] = {"rows": file["groups/rows"][:]}
        file.visititems(self._take)

    def _take(self, name: str, column: Any) -> None:
        if name.split("/")[0] in ("sage", "removal") and isinstance(column, h5py.Dataset):
            self.table[name] = column[:]

    def __len__(self) -> int:
        return len(self.names)

    def to_pandas(self) -> Any:
        """A line for each group: `sage/value`, `sage/std_error_population`, `removal/log_loss/drop`, ..."""
        import pandas

        return pandas.DataFrame(self.table, index=pandas.Index(self.names, name="name"))


class _Block:
    """Some rows in a row, every array of them read when it is first needed."""

    def __init__(self, file: h5py.File, first: int, count: int):
        self._file, self.first, self._count = file, first, count
        self._arrays: Dict[str, np.ndarray] = {}

    def row(self, name: str, row: int) -> Any:
        """The element (or line) of a per-row array; None where the file has no such array."""
        if name not in self._file:
            return None
        if name not in self._arrays:
            self._arrays[name] = self._file[name][self.first : self.first + self._count]
        return self._arrays[name][row - self.first]

    def ragged(self, name: str, offsets: str, row: int) -> np.ndarray:
        """The row's part of a flat array."""
        if offsets not in self._arrays:
            self._arrays[offsets] = self._file[offsets][self.first : self.first + self._count + 1]
        edges = self._arrays[offsets]
        if name not in self._arrays:
            self._arrays[name] = self._file[name][edges[0] : edges[-1]]
        begin, end = edges[row - self.first : row - self.first + 2] - edges[0]
        return self._arrays[name][begin:end]


def _columns_of(rows: Sequence["Row"], class_: Union[None, int, str]) -> Tuple[List[Any], Union[str, List[str]]]:
    """For every row the index of the class in its values and its name, or of all classes and their names."""
    if class_ is not None:
        columns = [row._column_of(class_) for row in rows]
        return columns, str(rows[0].classes[columns[0]])
    names = rows[0].classes
    for row in rows:
        if row.classes != names or None in names:
            raise ValueError("rows explain different classes (row %d: %s): expected class_" % (row.index, row.classes))
    return [slice(None)] * len(rows), [str(name) for name in names]


def _objects(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """An array of arrays, also where all have one length."""
    objects = np.empty(len(arrays), object)
    objects[:] = arrays
    return objects


def _pivot(values: Sequence[np.ndarray], words: Sequence[np.ndarray], n_words: int) -> Dict[str, Any]:
    """Sums of phi and counts [rows, words] of the words with the largest sums of |phi|."""
    strength: Dict[str, float] = {}
    for phi, row in zip(values, words):
        for word, value in zip(row, np.nan_to_num(np.abs(phi)).tolist()):
            strength[word] = strength.get(word, 0.0) + value
    names = sorted(strength, key=lambda word: (-strength[word], word))[:n_words]
    places = {word: i for i, word in enumerate(names)}
    sums, counts = np.zeros((len(values), len(names))), np.zeros((len(values), len(names)))
    for i, (phi, row) in enumerate(zip(values, words)):
        for word, value in zip(row, phi):
            if word in places:
                sums[i, places[word]] += value
                counts[i, places[word]] += 1
    return {"values": sums, "data": counts, "feature_names": names}


_COLUMNS = tuple(
    "row id position label class feature part word value std_error base output status".split()
)  # part: of pairs alone


class Row:
    """One row of a result."""

    def __init__(self, result: Result, index: int):
        self._result = result
        self.index = index  # in the result
        self._block: Optional[_Block] = None

    def __repr__(self) -> str:
        return "<row %d, id %r: %d features>" % (self.index, self.id, len(self))

    def __len__(self) -> int:
        """M."""
        return len(self.values)

    def column(self, name: str) -> Any:
        """This row's entry of any array with an entry for every row, by its path in the file; None: no such array."""
        if self._block is None:
            self._block = self._result._block_of(self.index)
        return self._block.row(name, self.index)

    def _ragged(self, name: str, offsets: str) -> np.ndarray:
        if self._block is None:
            self._block = self._result._block_of(self.index)
        return self._block.ragged(name, offsets, self.index)

    # ---- numbers

    values = property(lambda self: self._ragged("values", "features/offsets"), doc="attributions [M, K]")
    std_errors = property(lambda self: self._ragged("std_errors", "features/offsets"), doc="[M, K]; NaN: none")
    base_value = property(lambda self: self.column("base_values"), doc="output with every feature absent [K]")
    output = property(lambda self: self.column("outputs"), doc="output of the whole text [K]")
    residual = property(lambda self: self.column("efficiency_residual"), doc="|sum of values - (output - base)| [K]")
    scores = property(lambda self: self.column("scores"), doc="[C]")
    evaluations = property(lambda self: int(self.column("evaluations")))
    position = property(lambda self: int(self.column("rows/position")), doc="in the dataset")

    @property
    def id(self) -> Union[int, str]:
        """The user's own id where the dataset has them, else an integer."""
        key = self.column("rows/key")
        return int(self.column("rows/id")) if key is None else _text(key)

    @property
    def classes(self) -> List[Optional[str]]:
        """Names of the K explained classes; None where the row lacks one."""
        names = self._result.class_names
        return [names[index] if index >= 0 else None for index in self.column("targets").tolist()]

    @property
    def prediction(self) -> Optional[str]:
        """The class with the largest score, the first of equal ones; None when no score is a number."""
        scores = self.scores
        return None if np.isnan(scores).all() else self._result.class_names[int(np.nanargmax(scores))]

    @property
    def status(self) -> List[str]:
        """What is to be said about the row; empty: nothing."""
        bits = int(self.column("status"))
        names = dict(enumerate(STATUS_NAMES))
        return [names.get(bit, "bit_%d" % bit) for bit in range(32) if bits >> bit & 1]

    @property
    def label(self) -> Union[None, str, int, float, List[str]]:
        """The label: a name (a number where labels have no names), a list of names, or the number of a regression."""
        names = self._result.label_names
        index, several, number = (self.column("labels/" + name) for name in ("values", "matrix", "numbers"))
        if index is not None and index >= 0:
            return names[index] if index < len(names) else int(index)
        if several is not None and not (several == NOT_LABELLED).all():
            return [name for name, applies in zip(names, several) if applies]
        if number is not None and not np.isnan(number):
            return float(number)
        return None

    @property
    def meta(self) -> Dict[str, Any]:
        """The columns that were kept."""
        group = self._result._file.get("meta", {})
        values = {name: self.column("meta/" + name) for name in group}
        return {name: _text(value) if isinstance(value, bytes) else value.item() for name, value in values.items()}

    # ---- text

    @property
    def texts(self) -> Optional[Tuple[str, ...]]:
        """The text, or the two texts of a pair; None when the result has none."""
        data, split = self._data(), self.column("text/split")
        if data is None:
            return None
        pieces = (data,) if split is None else (data[:split], data[split:])
        return tuple(_text(piece) for piece in pieces)

    @property
    def text(self) -> Optional[str]:
        """The text, of a pair the first; None when the result has none."""
        texts = self.texts
        return texts and texts[0]

    @property
    def text_pair(self) -> Optional[str]:
        """The second text of a pair; None when there is none."""
        texts = self.texts
        return texts[1] if texts and len(texts) == 2 else None

    @property
    def words(self) -> List[str]:
        """The text of every feature: its spans, joined by a space; "#0", "#1", ... without text."""
        data = self._data()
        if data is None:
            return ["#%d" % feature for feature in range(len(self))]
        return [" ".join(_text(data[begin:end]) for begin, end in spans) for spans in self._byte_spans()]

    @property
    def spans(self) -> Optional[List[List[Tuple[int, int, int]]]]:
        """For every feature its spans (part, begin, end): texts[part][begin:end]. None without text."""
        data, split = self._data(), self.column("text/split")
        if data is None:
            return None

        def place(begin: int, end: int) -> Tuple[int, int, int]:
            part = int(split is not None and begin >= split)
            base = int(split) if part else 0
            return (part, len(_text(data[base:begin])), len(_text(data[base:end])))

        return [[place(*span) for span in spans] for spans in self._byte_spans()]

    @property
    def segments(self) -> List[Tuple[int, Optional[int], str]]:
        """The whole text in pieces, in order: (part, feature or None for what lies between, text). Where spans overlap, what
        an earlier one took is not repeated. Empty without text."""
        data, split = self._data(), self.column("text/split")
        if data is None:
            return []
        ends = [len(data)] if split is None else [int(split), len(data)]
        spans = sorted((begin, end, feature) for feature, own in enumerate(self._byte_spans()) for begin, end in own)
        pieces: List[Tuple[int, Optional[int], str]] = []
        at = part = 0
        for begin, end, feature in spans + [(len(data), len(data), -1)]:
            while part + 1 < len(ends) and begin >= ends[part]:
                if at < ends[part]:
                    pieces.append((part, None, _text(data[at : ends[part]])))
                at, part = max(at, ends[part]), part + 1
            if at < begin:
                pieces.append((part, None, _text(data[at:begin])))
            if max(at, begin) < end:
                pieces.append((part, feature, _text(data[max(at, begin) : end])))
            at = max(at, end)
        return pieces

    def _joining_words(self) -> List[str]:
        """A text for every feature; where features are single spans in the order of the text, these join to the whole text."""
        segments, words = self.segments, [word + " " for word in self.words]
        if [feature for _, feature, _ in segments if feature is not None] != list(range(len(words))):
            return words
        pieces, lead, current, last_part = [""] * len(words), "", None, 0
        for part, feature, text in segments:
            text = (" || " if part != last_part else "") + text
            last_part = part
            current = current if feature is None else feature
            if current is None:
                lead += text
            else:
                pieces[current] += text
        if pieces:
            pieces[0] = lead + pieces[0]
            pieces[-1] += "" if pieces[-1][-1:].isspace() else " "
        return pieces

    def _data(self) -> Optional[bytes]:
        return self._ragged("text/bytes", "text/offsets").tobytes() if self._result.has_text else None

    def _byte_spans(self) -> List[List[Tuple[int, int]]]:
        spans: List[List[Tuple[int, int]]] = [[] for _ in range(len(self))]
        arrays = (self._ragged("spans/" + name, "spans/offsets").tolist() for name in ("feature", "begin", "end"))
        for feature, begin, end in zip(*arrays):
            spans[feature].append((begin, end))
        return spans

    # ---- both

    def as_list(self, target: Union[None, int, str] = None) -> List[Tuple[str, float]]:
        """(word, attribution) of one class, strongest first. `target`: name or index of a class; without it the
        predicted one, if it is explained, else the first that is. KeyError: the class is not explained in this row."""
        values = self.values[:, self._column_of(target)]
        order = sorted(range(len(values)), key=lambda at: (-np.nan_to_num(abs(values[at]), nan=-1.0), at))
        words = self.words
        return [(words[at], float(values[at])) for at in order]

    def _column_of(self, target: Union[None, int, str]) -> int:
        classes = self.classes
        if target is None:
            return classes.index(self.prediction) if self.prediction in classes else 0
        name = self._result.class_names[target] if isinstance(target, (int, np.integer)) else target
        if name not in classes:
            raise KeyError("%r is not explained in row %d, which has %s" % (name, self.index, classes))
        return classes.index(name)

    def _lines(self) -> Dict[str, np.ndarray]:
        """The columns of this row's lines in the long table."""
        n_features, n_targets = self.values.shape
        n_lines = n_features * n_targets
        label = self.label
        whole = {
            "row": self.index,
            "id": self.id,
            "position": self.position,
            "label": "|".join(label) if isinstance(label, list) else label,
            "status": "|".join(self.status),
        }
        lines = {}
        for name, value in whole.items():
            number = {"id": np.uint64, "row": np.int64, "position": np.int64}.get(name, object)
            lines[name] = np.full(n_lines, value, number if isinstance(value, int) else object)
        split = self.column("text/split") if self._result.has_pairs else None
        lines["class"] = np.repeat(np.array(self.classes, object), n_features)
        lines["feature"] = np.tile(np.arange(n_features), n_targets)
        if split is not None:
            parts = [int(bool(spans) and spans[0][0] >= split) for spans in self._byte_spans()]
            lines["part"] = np.tile(np.array(parts, np.int64), n_targets)
        lines["word"] = np.tile(np.array(self.words, object), n_targets)
        lines["value"] = self.values.T.ravel()
        lines["std_error"] = self.std_errors.T.ravel()
        lines["base"] = np.repeat(self.base_value, n_features)
        lines["output"] = np.repeat(self.output, n_features)
        return {name: lines[name] for name in _COLUMNS if name in lines}


class Evaluation(_OpenFile):
    """An open evaluation: how faithful a result's attributions are."""

    def __init__(self, file: h5py.File):
        super().__init__(file, "ascribe-evaluation")
        self.class_names: List[str] = [_text(name) for name in file["class_names"][:]]
        self.metrics: List[str] = [_text(name) for name in file["all/metric"][:]]
        self.ids: np.ndarray = file["rows/id"][:]  # of the evaluated rows

    manifest = property(lambda self: json.loads(_text(self._file.attrs["manifest"])), doc="of the result")
    settings = property(lambda self: json.loads(_text(self._file.attrs["settings"])), doc="how it was evaluated")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def means(self) -> Dict[str, Dict[str, Dict[str, float]]]:
        """means[metric][order][number]: order attribution, random or difference; number mean, std_error, ci_low or ci_high."""
        orders, numbers = ("attribution", "random", "difference"), ("mean", "std_error", "ci_low", "ci_high")
        columns = {(order, name): self._file["all/%s/%s" % (order, name)][:] for order in orders for name in numbers}
        return {metric: {order: {name: float(columns[order, name][i]) for name in numbers} for order in orders} for i, metric in enumerate(self.metrics)}

    @property
    def curves(self) -> Dict[str, np.ndarray]:
        """Mean curves over `fractions` of the features: deletion, insertion, random_deletion, random_insertion."""
        return {name: column[:] for name, column in self._file["curves"].items()}

    def scores(self, metric: str, order: str = "attribution") -> np.ndarray:
        """A metric of every row [rows], in attribution order or the mean over random ones; NaN: the row has none. KeyError."""
        if metric not in self.metrics:
            raise KeyError(metric)
        name, at, fraction = metric.partition("@")
        if not at:
            return self._file["%s/%s" % (order, metric)][:]
        place = ["%.2f" % one for one in self.settings["aopc_thresholds"]].index(fraction)
        return self._file["%s/%s_aopc_points" % (order, name)][:, place]

    def to_pandas(self, order: str = "attribution") -> Any:
        """A pandas.DataFrame: id, class, features and every metric of every row."""
        import pandas

        names = np.array(self.class_names, object)
        columns: Dict[str, Any] = {"id": self.ids, "class": names[self._file["rows/class"][:]], "features": self._file["rows/features"][:]}
        columns.update({metric: self.scores(metric, order) for metric in self.metrics})
        return pandas.DataFrame(columns)
