"""What a report is made of: which file is what, sums by `ascribe global`, and a survey of the rows of results."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import h5py
import numpy as np

import ascribe_results

from .errors import DIFFERENT_RUN, MALFORMED, NO_INPUT, OUR_BUG, UNAVAILABLE, USAGE, PrepareError, quote

RESULT, GLOBAL, COMPARISON = "ascribe-result", "ascribe-global", "comparison"
MOST_CLASSES = 12  # shown
MOST_LINES = 6000  # of the tables of words, all classes
SURVEY_ROWS = 1 << 16  # at once
SAMPLED_FEATURES = 200_000  # read for dots
N_STRETCHES = 40
NONE = -1


class Options(NamedTuple):
    """What the user chose."""

    title: Optional[str]
    class_name: Optional[str]
    rows: Sequence[int]
    max_rows: int
    min_count: int
    fold_case: bool


class Survey(NamedTuple):
    """Facts of all rows of all results, one after the other."""

    file: np.ndarray  # index of the result
    row: np.ndarray  # in it
    prediction: np.ndarray  # class; -1: no score is a number
    score: np.ndarray  # of the prediction
    right: np.ndarray  # 1 right, 0 wrong, -1: nobody knows
    status: np.ndarray
    n_features: np.ndarray
    evaluations: np.ndarray
    residual: np.ndarray  # largest of the row
    error: np.ndarray  # |output - label| where labels are numbers, else NaN


class Program:
    """The command `ascribe`."""

    def __init__(self) -> None:
        given = os.environ.get("ASCRIBE_PROGRAM")
        found = given or shutil.which("ascribe")
        if not found or not os.access(found, os.X_OK):
            raise PrepareError(
                UNAVAILABLE, "the program ascribe", "it to sum words up", quote(given, 200) if given else "none on PATH",
                "'ascribe report' starts this one itself; else set ASCRIBE_PROGRAM to it")
        self.path = found

    def run(self, *arguments: str) -> str:
        """Its standard output; its own message, with its exit code, when it fails."""
        try:
            done = subprocess.run([self.path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        except OSError as error:
            raise PrepareError(UNAVAILABLE, "the program " + quote(self.path, 200), "to run it", error.strerror or "") from None
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace")
        message = done.stderr.decode("utf-8", "replace").replace("ascribe: error: ", "").replace("\nhint: ", "; ")
        known = USAGE <= done.returncode <= DIFFERENT_RUN
        raise PrepareError(done.returncode if known else OUR_BUG, message or "ascribe ended with %d" % done.returncode)


def text_of(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def kind_of(path: str) -> str:
    """The format that the file names, or COMPARISON."""
    if not os.path.isfile(path):
        raise PrepareError(NO_INPUT, quote(path, 200), "a file", "a folder" if os.path.isdir(path) else "nothing")
    with open(path, "rb") as file:
        begin = file.read(8)
    if begin[:1] == b"{":
        return COMPARISON
    if begin != b"\x89HDF\r\n\x1a\n":
        raise PrepareError(MALFORMED, quote(path, 200), "a result, a file of 'ascribe global' (HDF5) or the output of 'ascribe compare --json'", "something else")
    try:
        with h5py.File(path, "r") as file:
            return text_of(file.attrs.get("format", b""))
    except OSError as error:
        raise PrepareError(MALFORMED, quote(path, 200), "an HDF5 file that can be read", str(error)) from None


def read_comparison(path: str) -> Dict[str, Any]:
    """Of words and outputs, or (it has `faithfulness`) of two evaluations."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            comparison = json.load(file)
        if "faithfulness" in comparison:
            _check_faithfulness(comparison)
        else:
            _check_words(comparison)
        comparison["a"], comparison["b"], comparison["rows_a"], comparison["rows_b"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PrepareError(MALFORMED, quote(path, 200), "the output of 'ascribe compare A B --json'", "other JSON") from None
    return comparison


def _check_words(comparison: Dict[str, Any]) -> None:
    for one in comparison["classes"]:
        for line in one["words"]:
            line["word"], line["difference"], line["q_value"]
        one["class"], one["spearman"], one["kendall"], one["n_common"], one["n_moved"], one["only_a"], one["only_b"]
    for one in comparison["outputs"]:
        one["class"], one["score_a"], one["score_b"], one["share_a"], one["share_b"], one["stability_index"]
    comparison["statistics"]["min_count"]


def _check_faithfulness(comparison: Dict[str, Any]) -> None:
    for line in comparison["faithfulness"]:
        line["metric"], line["higher_is_better"]
        for which in ("score", "gain"):
            for name in ("mean_a", "mean_b", "difference", "ci_low", "ci_high", "q_value"):
                value = line[which][name]
                if value is not None and not isinstance(value, (int, float)):
                    raise TypeError(name)
    comparison["paired"], comparison["rows_shared"], comparison["n_worse"]


class Material:
    """All files of a report, opened. Use it as a context."""

    def __init__(self, paths: Sequence[str], known: Sequence[str], options: Options):
        self.options = options
        self.notes: List[str] = []
        self.by_kind: Dict[str, List[str]] = {}
        for path in paths:
            kind = kind_of(path)
            if kind not in (RESULT, GLOBAL, COMPARISON, *known):
                raise PrepareError(MALFORMED, quote(path, 200), "a result, a file of 'ascribe global' or of 'ascribe compare --json'", quote(kind or "a file of no format"))
            self.by_kind.setdefault(kind, []).append(path)
        if len(self.by_kind.get(GLOBAL, ())) > 1:
            raise PrepareError(USAGE, "arguments", "one file of 'ascribe global' at most", "%d" % len(self.by_kind[GLOBAL]), "'ascribe global A B -o C' makes one of several")
        self._folder = tempfile.mkdtemp(prefix="ascribe-report-")
        self.results: List[ascribe_results.Result] = []
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Material":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        for result in self.results:
            result.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _open(self) -> None:
        paths = self.by_kind.get(RESULT, [])
        self._read_comparisons(self.by_kind.get(COMPARISON, ()))
        self.global_path: Optional[str] = self.by_kind.get(GLOBAL, [None])[0]
        self.class_names: List[str] = []
        if paths or self.global_path:
            self.program = Program()
            self._sum_up(paths)
        for path in paths:
            try:
                self.results.append(ascribe_results.load(path))
            except (ascribe_results.ResultError, KeyError, OSError) as error:
                raise PrepareError(MALFORMED, str(error)) from None
        if self.global_path:
            self._read_global(self.global_path)
            self._survey = survey(self.results, self.label_classes) if self.results else None
            self._choose_classes()
            self._read_tables()

    def _read_comparisons(self, paths: Sequence[str]) -> None:
        found = [read_comparison(path) for path in paths]
        of_words = [one for one in found if "faithfulness" not in one]
        of_faithfulness = [one for one in found if "faithfulness" in one]
        for kind, comparisons in (("words", of_words), ("evaluations", of_faithfulness)):
            if len(comparisons) > 1:
                raise PrepareError(USAGE, "arguments", "one %s of %s at most" % (COMPARISON, kind), "%d" % len(comparisons))
        self.comparison: Optional[Dict[str, Any]] = of_words[0] if of_words else None
        self.faithfulness: Optional[Dict[str, Any]] = of_faithfulness[0] if of_faithfulness else None

    survey = property(lambda self: self._survey, doc="of the results; None without any")

    def _sum_up(self, paths: Sequence[str]) -> None:
        """`ascribe global` reads results first, in a child process: it refuses damaged ones, and such as do not belong together."""
        for path in paths if self.global_path else ():
            self.program.run("inspect", path, "--json")
        if self.global_path:
            return
        self.global_path = os.path.join(self._folder, "global.h5")
        fold = ["--fold-case"] if self.options.fold_case else []
        self.program.run("global", *paths, "-o", self.global_path, "--quiet", *fold)

    def _read_global(self, path: str) -> None:
        self.program.run("inspect", path, "--json")
        with h5py.File(path, "r") as file:
            self.settings: Dict[str, str] = json.loads(text_of(file.attrs["settings"]))
            self.class_names = [text_of(name) for name in file["class_names"][:]]
            self.label_names = [text_of(name) for name in file["label_names"][:]] if "label_names" in file else []
            self.n_rows = int(len(file["rows/id"]))
            self.n_unexplained = int(file.attrs["n_unexplained"])
            self.n_attributions = int(file.attrs["n_attributions"])
            self.n_words = len(file["words/offsets"]) - 1
            self.groups = list(zip(*(file["groups/" + name][:].tolist() for name in ("label", "prediction", "rows"))))
            self.sources = [text_of(name) for name in file["sources/name"][:]]
            digests = {text_of(digest) for digest in file["sources/digest"][:]}
        self.label_classes = classes_of_labels(self.label_names, self.class_names)
        for result in self.results:
            if result.class_names != self.class_names:
                raise PrepareError(DIFFERENT_RUN, quote(result.path, 200), "the classes of " + quote(path, 200), ", ".join(result.class_names))
            if text_of(result._attribute("digest", "")) not in digests:
                self.notes.append("%s is not among the sources of %s: words and rows come from different files." % (os.path.basename(result.path), os.path.basename(path)))

    def _choose_classes(self) -> None:
        """The classes that are shown, most predicted first when there are many, and the one shown first."""
        rows = np.zeros(len(self.class_names), np.int64)
        for _, prediction, n_rows in self.groups:
            if prediction >= 0:
                rows[prediction] += n_rows
        order = sorted(range(len(rows)), key=lambda at: (-rows[at], at))
        wanted = self.options.class_name
        if wanted is None:
            self.first_class = 1 if len(rows) == 2 else order[0]
        elif wanted in self.class_names:
            self.first_class = self.class_names.index(wanted)
        elif wanted.isdigit() and int(wanted) < len(rows):
            self.first_class = int(wanted)
        else:
            raise PrepareError(USAGE, "--class", "one of %s" % ", ".join(map(quote, self.class_names[:20])), quote(wanted))
        kept = [self.first_class] + [at for at in order if at != self.first_class]
        self.classes = sorted(kept[:MOST_CLASSES])

    def _read_tables(self) -> None:
        """The words of every class that is shown, most important first."""
        n_lines = max(50, MOST_LINES // len(self.classes))
        self.tables = {at: self.table(at, top=n_lines) for at in self.classes} if len(self.classes) < len(self.class_names) else self._all_tables(n_lines)
        if self.options.class_name is None and not self.tables[self.first_class]["words"]:
            self.first_class = max(self.classes, key=lambda at: len(self.tables[at]["words"]))

    def _all_tables(self, n_lines: int) -> Dict[int, Dict[str, Any]]:
        """Of all classes in one go; classes without words have no table there."""
        assert self.global_path
        found = json.loads(self.program.run("global", self.global_path, "--top", str(n_lines), "--min-count", str(self.options.min_count), "--json"))["tables"]
        tables: Dict[int, Dict[str, Any]] = {at: {"n_words": 0, "words": []} for at in self.classes}
        tables.update({self.class_names.index(one["class"]): one for one in found})
        return tables

    def table(self, class_index: int, group: str = "all", sort: str = "importance", top: int = 20, min_count: int = 0) -> Dict[str, Any]:
        """A table of `ascribe global --json`: n_words, rows, words (its keys as there)."""
        arguments = ["--class", self.class_names[class_index], "--group", group, "--sort", sort, "--top", str(top),
                     "--min-count", str(min_count or self.options.min_count), "--json"]
        assert self.global_path
        return json.loads(self.program.run("global", self.global_path, *arguments))["tables"][0]

    @property
    def key(self) -> str:
        """Of the panel of the class that is shown first."""
        return str(self.first_class)

    def panel_keys(self) -> List[Tuple[str, int]]:
        return [(str(at), at) for at in self.classes]

    def sampled(self) -> Iterator[Tuple[int, range]]:
        """Stretches of rows (result, rows), evenly spread, with about SAMPLED_FEATURES features; all rows when they have no more."""
        n_features = int(self.survey.n_features.sum())
        for index, result in enumerate(self.results):
            n_rows, share = len(result), min(1.0, SAMPLED_FEATURES / max(1, n_features))
            if share == 1.0:
                yield index, range(n_rows)
                continue
            length = max(1, int(n_rows * share / N_STRETCHES))
            for first in np.linspace(0, n_rows - length, N_STRETCHES).astype(int).tolist():
                yield index, range(first, first + length)


def classes_of_labels(labels: Sequence[str], classes: Sequence[str]) -> List[int]:
    """The class of every label, as ascribe maps them: by name when all are classes, by number when the classes have no names; else -1."""
    if all(label in classes for label in labels):
        return [classes.index(label) for label in labels]
    unnamed = len(labels) == len(classes) and all(name.startswith("LABEL_") for name in classes)
    return list(range(len(labels))) if unnamed else [NONE] * len(labels)


def survey(results: Sequence[ascribe_results.Result], label_classes: Sequence[int]) -> Survey:
    blocks = []
    for index, result in enumerate(results):
        for first in range(0, max(1, len(result)), SURVEY_ROWS):
            blocks.append(_survey_block(result, index, slice(first, min(first + SURVEY_ROWS, len(result))), np.array([*label_classes, NONE])))
    return Survey(*(np.concatenate(column) for column in zip(*blocks)))


def _survey_block(result: ascribe_results.Result, index: int, rows: slice, label_classes: np.ndarray) -> Survey:
    file = result._file
    scores = file["scores"][rows].astype(np.float64)
    n_rows = len(scores)
    known = np.isfinite(scores).any(axis=1)
    filled = np.where(np.isnan(scores), -np.inf, scores)
    prediction = np.where(known, filled.argmax(axis=1), NONE)
    score = np.where(known, filled.max(axis=1), np.nan)
    edges = file["features/offsets"][rows.start : rows.stop + 1]
    outputs = file["outputs"][rows]
    right, error = np.full(n_rows, NONE, np.int8), np.full(n_rows, np.nan)
    if "labels/values" in file:
        labels = file["labels/values"][rows]
        wanted = label_classes[np.where((labels >= 0) & (labels < len(label_classes) - 1), labels, -1)]
        comparable = (wanted >= 0) & known
        right[comparable] = wanted[comparable] == prediction[comparable]
    elif "labels/matrix" in file:
        right = _right_sets(file["labels/matrix"][rows], scores, np.array(classes_of_labels(result.label_names, result.class_names), int))
    elif "labels/numbers" in file and scores.shape[1] == 1:
        error = np.abs(scores[:, 0] - file["labels/numbers"][rows])
    with np.errstate(invalid="ignore"):
        residual = np.fmax.reduce(file["efficiency_residual"][rows].astype(np.float64), axis=1, initial=np.nan) if outputs.shape[1] else np.full(n_rows, np.nan)
    return Survey(np.full(n_rows, index), np.arange(rows.start, rows.stop), prediction, score, right, file["status"][rows], np.diff(edges),
                  file["evaluations"][rows], residual, error)


def _right_sets(matrix: np.ndarray, scores: np.ndarray, label_classes: np.ndarray) -> np.ndarray:
    """Several labels a row: right when exactly those score above 0.5."""
    right = np.full(len(matrix), NONE, np.int8)
    if matrix.shape[1] != len(label_classes) or (label_classes < 0).any():
        return right
    wanted = np.zeros(scores.shape, bool)
    wanted[:, label_classes] = matrix == 1
    comparable = (matrix != ascribe_results.NOT_LABELLED).all(axis=1) & np.isfinite(scores).all(axis=1)
    right[comparable] = ((scores > 0.5) == wanted).all(axis=1)[comparable]
    return right

