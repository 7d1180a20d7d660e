"""The loop of prepare: rows in, batches through the tokenizer, features assigned, arrays out."""

from __future__ import annotations

import itertools
import os
import stat
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from . import dataset_file, features, labels, model_dir, rationales, segment, tables
from .columns import IdColumn, KeptColumn, Spools
from .encoding import Encoder
from .errors import MALFORMED, NO_INPUT, USAGE, PrepareError, quote
from .progress import Progress
from .span_file import SpanFile

BATCH_ROWS = 1000
BATCH_CHARACTERS = 4 << 20
NO_COLUMN = "none"


@dataclass
class Options:
    source: str
    output: str
    model: str
    tokenizer: Optional[str] = None
    kind: str = "auto"
    encoding: Optional[str] = None
    header: bool = True
    text_column: Optional[str] = None
    text_pair_column: Optional[str] = None
    label_column: Optional[str] = None
    label_type: str = "auto"
    label_separator: Optional[str] = None
    id_column: Optional[str] = None
    keep: Tuple[str, ...] = ()
    granularity: str = "word"
    spans: Optional[str] = None
    rationales: Optional[str] = None
    max_length: Optional[int] = None
    limit: Optional[int] = None
    force: bool = False
    quiet: bool = False


@dataclass
class Summary:
    """Counts of one run; `label_type` and `labels` are None without a label column."""

    output: str = ""
    rows: int = 0
    features: int = 0
    tokens: int = 0
    max_length: int = 0
    granularity: str = ""
    empty_rows: int = 0
    truncated_rows: int = 0
    tokens_cut: int = 0
    features_cut: int = 0
    features_partly_cut: int = 0
    features_merged: int = 0
    features_untokenised: int = 0
    label_type: Optional[str] = None
    labels: Optional[Dict[str, int]] = None
    unlabelled: int = 0
    bytes: int = 0
    seconds: float = 0.0
    warnings: List[str] = field(default_factory=list)


@dataclass
class _Columns:
    """The table's columns in use: a getter and what collects its values."""

    texts: List[Tuple[str, Callable[[Any], Any]]]  # name and getter: one, or two for pairs
    ids: IdColumn
    get_id: Optional[Callable[[Any], Any]]
    labels: Any  # a column of labels.py, or None
    get_label: Optional[Callable[[Any], Any]]
    kept: List[Tuple[KeptColumn, Callable[[Any], Any]]]


@dataclass
class _Run:
    """What the stages of one run share."""

    options: Options
    model: model_dir.ModelDir
    columns: _Columns
    file: dataset_file.DatasetFile
    summary: Summary
    rationales: Optional[SpanFile]


def prepare(options: Options) -> Summary:
    """Turns the input into a dataset file. Raises PrepareError."""
    begin = time.monotonic()
    dataset_file.check_output(options.output, options.force)
    kind = _kind(options)
    model = model_dir.load(options.model, options.tokenizer)
    finder = features.make_finder(options.granularity)
    granularity = "spans" if options.spans is not None else options.granularity
    summary = Summary(output=options.output, granularity=granularity)
    summary.max_length = _max_length(options, model, summary.warnings)
    texts_per_row = 1 if options.text_pair_column is None else 2
    marked = None
    with _open_input(options) as stream, ExitStack() as stack, _naming_rows(kind):
        if options.spans is not None:
            stream_of_spans = stack.enter_context(_open_file("--spans", options.spans))
            finder = SpanFile(stream_of_spans, options.spans, texts_per_row)
        if options.rationales is not None:
            stream_of_marks = stack.enter_context(_open_file("--rationales", options.rationales))
            marked = SpanFile(stream_of_marks, options.rationales, texts_per_row, "--rationales")
        table = tables.open_table(stream, kind, options.encoding, options.header)
        if not table.peeked:
            raise PrepareError(
                MALFORMED,
                "input " + quote(options.source, 200),
                "at least one row",
                "none",
                "is the file empty, or a header alone?",
            )
        if table.looks_tabbed():
            summary.warnings.append(
                "every line of this plain text holds a tab; if they are columns, "
                "use --format tsv (and --no-header)"
            )
        with dataset_file.create(options.output, options.force) as file:
            with Spools(os.path.dirname(options.output) or ".") as spools:
                columns = _choose_columns(options, table, model, spools)
                run = _Run(options, model, columns, file, summary, marked)
                _stream(run, table, stream, segment.Segmenter(granularity, finder))
                for of_spans in (finder, marked):
                    if of_spans is not None:
                        of_spans.finish(all_rows=options.limit is None)
                _finish(run)
    summary.bytes = os.path.getsize(options.output)
    summary.seconds = time.monotonic() - begin
    return summary


def _kind(options: Options) -> str:
    if options.kind == "parquet" and options.source == "-":
        raise PrepareError(USAGE, "input", "a file where the format is Parquet", "standard input")
    if options.kind != "auto":
        return options.kind
    if options.source == "-":
        raise PrepareError(
            USAGE, "--format", "one of " + ", ".join(tables.FORMATS) + " with standard input", "auto"
        )
    suffix = os.path.splitext(options.source)[1].lower()
    if suffix not in tables.SUFFIXES:
        raise PrepareError(
            USAGE,
            "input " + quote(options.source, 200),
            "a name ending in " + ", ".join(tables.SUFFIXES),
            quote(suffix) if suffix else "no ending",
            "name its format with --format",
        )
    return tables.SUFFIXES[suffix]


def _max_length(options: Options, model: model_dir.ModelDir, warnings: List[str]) -> int:
    length = options.max_length or model.max_length or model_dir.FALLBACK_LENGTH
    if options.max_length is None and model.max_length is None:
        warnings.append(
            "nothing in %s says how long an input may be; %d tokens taken"
            % (quote(options.model, 200), length)
        )
    if options.max_length and model.max_length and length > model.max_length:
        warnings.append("--max-length %d is more than the model's %d" % (length, model.max_length))
    fixed = model.tokenizer.num_special_tokens_to_add(options.text_pair_column is not None)
    if length <= fixed:
        raise PrepareError(USAGE, "--max-length", "more than the %d special tokens" % fixed, str(length))
    if model.model_vocab_size is not None and model.vocab_size > model.model_vocab_size:
        warnings.append(
            "the tokenizer has ids up to %d, the model's vocabulary only %d: is it the model's own?"
            % (model.vocab_size - 1, model.model_vocab_size)
        )
    return length


@contextmanager
def _naming_rows(kind: str) -> Iterator[None]:
    """Parquet has no lines: what would name one names a row."""
    try:
        yield
    except PrepareError as error:
        if kind == "parquet" and error.what.startswith("line"):
            error.what = "row" + error.what[len("line") :]
        raise


@contextmanager
def _open_input(options: Options) -> Iterator[BinaryIO]:
    if options.source == "-":
        yield sys.stdin.buffer
        return
    if (
        os.path.exists(options.output)
        and os.path.exists(options.source)
        and os.path.samefile(options.output, options.source)
    ):
        raise PrepareError(USAGE, "output", "another file than the input", quote(options.output, 200))
    with _open_file("input", options.source) as stream:
        yield stream


def _open_file(what: str, path: str) -> BinaryIO:
    try:
        return open(path, "rb", buffering=1 << 20)
    except OSError as error:
        raise PrepareError(NO_INPUT, what + " " + quote(path, 200), "a readable file", error.strerror) from None


def _choose_columns(
    options: Options, table: tables.Table, model: model_dir.ModelDir, spools: Spools
) -> _Columns:
    label = _optional_column(table, options.label_column, "label", "--label-column")
    number = _optional_column(table, options.id_column, "id", "--id-column")
    pair = None if options.text_pair_column is None else table.find(options.text_pair_column, "--text-pair-column")
    if options.text_column is not None:
        text = table.find(options.text_column, "--text-column")
    else:
        text = table.find_text([column for column in (label, number, pair) if column is not None])
    if text == pair:
        raise PrepareError(USAGE, "--text-pair-column", "another column than the text", quote(table.columns[pair]))
    kept = []
    for name in options.keep:
        column = table.find(name, "--keep")
        title = table.columns[column]
        if "/" in title or title in ("", ".") or title in [other.name for other, _ in kept]:
            raise PrepareError(
                USAGE, "--keep", "different columns with a name and no '/' in it", quote(title)
            )
        kept.append((KeptColumn(spools, title), table.getter(column)))
    return _Columns(
        texts=[(table.columns[column], table.getter(column)) for column in (text, pair) if column is not None],
        ids=IdColumn(spools, None if number is None else table.columns[number]),
        get_id=None if number is None else table.getter(number),
        labels=None if label is None else _label_column(options, table, label, model, spools),
        get_label=None if label is None else table.getter(label),
        kept=kept,
    )


def _label_column(
    options: Options, table: tables.Table, column: int, model: model_dir.ModelDir, spools: Spools
) -> Any:
    kind = options.label_type
    if kind == "auto":
        get = table.getter(column)
        kind = labels.choose_kind([get(row) for _, row in table.peeked], options.label_separator, model)
    if options.label_separator is not None and kind != "multi":
        raise PrepareError(USAGE, "--label-separator", "labels of type multi", kind)
    return labels.make_column(spools, table.columns[column], kind, options.label_separator, model)


def _optional_column(table: tables.Table, name: Optional[str], usual: str, option: str) -> Optional[int]:
    if name is None:
        return table.find_default((usual,))
    if name == NO_COLUMN and NO_COLUMN not in table.columns:
        return None
    return table.find(name, option)


def _stream(run: _Run, table: tables.Table, stream: BinaryIO, segmenter: segment.Segmenter) -> None:
    """The loop over the rows."""
    rows = itertools.islice(table.rows, run.options.limit)
    total = _size(stream) if run.options.source != "-" and table.n_rows is None else table.n_rows
    progress = Progress(run.options.quiet, total)
    encoder = Encoder(run.model, run.summary.max_length, len(run.columns.texts))
    try:
        for lines, texts in _batches(rows, run.columns, table.typed):
            layout = _lay_out(lines, texts, [name for name, _ in run.columns.texts])
            encodings = encoder.encode(lines, texts)
            counts, ids, types, kept = encoder.kept(encodings)
            n_cut, cut = encoder.cut(encodings, lines, texts)
            found = segmenter.assign(layout, kept, cut)
            _write_tokens(run, counts, ids, types)
            _write_features(run.file, found, n_cut)
            if run.rationales is not None:
                run.file.append("features/rationale", rationales.mark(layout, found, run.rationales.find(layout.texts)), "uint8")
            _write_texts(run, layout)
            _count(run.summary, len(ids), n_cut, found)
            done = stream.tell() if table.n_rows is None and total else run.summary.rows
            progress.update(run.summary.rows, done if total else None)
    finally:
        progress.finish()


def _size(stream: BinaryIO) -> Optional[int]:
    info = os.fstat(stream.fileno())
    return info.st_size if stat.S_ISREG(info.st_mode) else None


def _batches(
    rows: Iterator[tables.Row], columns: _Columns, typed: bool
) -> Iterator[Tuple[List[int], List[str]]]:
    """Line numbers and texts of up to BATCH_ROWS rows, those of a pair in a row; the other columns take their values
    on the way."""
    lines: List[int] = []
    texts: List[str] = []
    size = 0
    for line, values in rows:
        for name, get in columns.texts:
            text = get(values)
            if not isinstance(text, str):
                raise PrepareError(
                    MALFORMED,
                    "line %d, column %s" % (line, quote(name)),
                    "a string",
                    "nothing" if text is None else type(text).__name__,
                )
            texts.append(text)
            size += len(text)
        if columns.get_id is not None:
            columns.ids.add(line, columns.get_id(values))
        if columns.labels is not None:
            columns.labels.add(line, columns.get_label(values))
        for column, get in columns.kept:
            column.add(line, get(values), typed)
        lines.append(line)
        if len(lines) == BATCH_ROWS or size >= BATCH_CHARACTERS:
            yield lines, texts
            lines, texts, size = [], [], 0
    if texts:
        yield lines, texts


def _lay_out(lines: List[int], texts: List[str], names: List[str]) -> segment.Layout:
    """The batch's characters, once no text holds a lone surrogate or a NUL."""
    try:
        layout = segment.lay_out(texts, len(names))
        if (layout.codepoints != 0).all():
            return layout
    except UnicodeEncodeError:
        pass
    for index, text in enumerate(texts):
        line, name = lines[index // len(names)], names[index % len(names)]
        if "\0" in text:
            raise PrepareError(
                MALFORMED, "line %d, column %s" % (line, quote(name)), "text", "a NUL character"
            )
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise PrepareError(
                MALFORMED, "line %d, column %s" % (line, quote(name)), "Unicode text", "a lone surrogate"
            )
    raise AssertionError("a batch was refused, but none of its texts")


def _write_tokens(run: _Run, counts: np.ndarray, ids: np.ndarray, types: np.ndarray) -> None:
    """Token types are written from the first that is not 0, with the zeros before it."""
    run.file.append("tokens/ids", ids, "int32")
    run.file.append_counts("tokens/offsets", counts)
    if types.any() or run.file.has("tokens/types"):
        run.file.fill_up("tokens/types", run.summary.tokens, "uint8")
        run.file.append("tokens/types", types, "uint8")


def _write_texts(run: _Run, layout: segment.Layout) -> None:
    run.file.append("text/bytes", np.frombuffer("".join(layout.texts).encode("utf-8"), np.uint8), "uint8")
    run.file.append_counts("text/offsets", layout.row_bytes)
    if layout.texts_per_row == 2:
        run.file.append("text/split", layout.text_bytes[:, 0], "uint32", dataset_file.ROW_CHUNK)


def _write_features(file: dataset_file.DatasetFile, found: segment.Features, n_cut: np.ndarray) -> None:
    file.append("rows/truncated", n_cut, "uint32", dataset_file.ROW_CHUNK)
    file.append("tokens/features", found.token_feature, "int32")
    file.append_counts("features/offsets", found.counts)
    file.append("spans/begin", found.span_begin, "uint32")
    file.append("spans/end", found.span_end, "uint32")
    file.append("spans/feature", found.span_feature, "int32")
    file.append_counts("spans/offsets", found.span_counts)


def _count(summary: Summary, n_tokens: int, n_cut: np.ndarray, found: segment.Features) -> None:
    summary.rows += len(n_cut)
    summary.tokens += n_tokens
    summary.features += int(found.counts.sum())
    summary.empty_rows += int((found.counts == 0).sum())
    summary.truncated_rows += int((n_cut > 0).sum())
    summary.tokens_cut += int(n_cut.sum())
    summary.features_cut += found.n_cut
    summary.features_partly_cut += found.n_partly_cut
    summary.features_merged += found.n_merged
    summary.features_untokenised += found.n_untokenised


def _finish(run: _Run) -> None:
    """The columns whose type is known only now, and the attributes."""
    options, model, columns, file, summary = run.options, run.model, run.columns, run.file, run.summary
    columns.ids.write(file, summary.rows)
    if columns.labels is not None:
        summary.label_type = columns.labels.kind
        summary.labels, of_model = columns.labels.write(file)
        summary.unlabelled = columns.labels.n_unlabelled
        if not of_model and model.class_names is not None:
            summary.warnings.append(columns.labels.names.describe_mismatch() + "; the file keeps its own names")
    for column, _ in columns.kept:
        column.write(file)
    file.finish(
        {
            "tokenizer": model.tokenizer_name,
            "tokenizer_sha256": model.tokenizer_sha256,
            "granularity": summary.granularity,
            "source": "stdin" if options.source == "-" else os.path.basename(options.source),
            "max_length": summary.max_length,
            "vocab_size": model.vocab_size,
            "n_truncated": summary.truncated_rows,
            "n_merged": summary.features_merged,
            "n_skipped": 0,
            **{kind + "_token_id": number for kind, number in model.special_ids.items()},
        }
    )
