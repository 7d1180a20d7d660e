"""The loop of prepare: rows in, batches through the tokenizer, features assigned, arrays out."""

from __future__ import annotations

import itertools
import os
import stat
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from . import dataset_file, model_dir, segment, tables
from .columns import IdColumn, KeptColumn, LabelColumn, Spools
from .errors import MALFORMED, NO_INPUT, USAGE, PrepareError, quote
from .progress import Progress

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
    label_column: Optional[str] = None
    id_column: Optional[str] = None
    keep: Tuple[str, ...] = ()
    granularity: str = "word"
    max_length: Optional[int] = None
    limit: Optional[int] = None
    force: bool = False
    quiet: bool = False


@dataclass
class Summary:
    """Counts of one run; `labels` is None without a label column."""

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
    labels: Optional[Dict[str, int]] = None
    unlabelled: int = 0
    bytes: int = 0
    seconds: float = 0.0
    warnings: List[str] = field(default_factory=list)


@dataclass
class _Columns:
    """The table's columns in use: a getter and what collects its values."""

    text: Callable[[Any], Any]
    text_name: str
    ids: IdColumn
    get_id: Optional[Callable[[Any], Any]]
    labels: Optional[LabelColumn]
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


def prepare(options: Options) -> Summary:
    """Turns the input into a dataset file. Raises PrepareError."""
    begin = time.monotonic()
    dataset_file.check_output(options.output, options.force)
    kind = _kind(options)
    model = model_dir.load(options.model, options.tokenizer)
    summary = Summary(output=options.output, granularity=options.granularity)
    summary.max_length = _set_truncation(options, model, summary.warnings)
    with _open_input(options) as stream:
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
                run = _Run(options, model, columns, file, summary)
                _stream(run, table, stream)
                _finish(run)
    summary.bytes = os.path.getsize(options.output)
    summary.seconds = time.monotonic() - begin
    return summary


def _kind(options: Options) -> str:
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


def _set_truncation(options: Options, model: model_dir.ModelDir, warnings: List[str]) -> int:
    length = options.max_length or model.max_length or model_dir.FALLBACK_LENGTH
    if options.max_length is None and model.max_length is None:
        warnings.append(
            "nothing in %s says how long an input may be; %d tokens taken"
            % (quote(options.model, 200), length)
        )
    if options.max_length and model.max_length and length > model.max_length:
        warnings.append("--max-length %d is more than the model's %d" % (length, model.max_length))
    fixed = model.tokenizer.num_special_tokens_to_add(False)
    if length <= fixed:
        raise PrepareError(USAGE, "--max-length", "more than the %d special tokens" % fixed, str(length))
    if model.model_vocab_size is not None and model.vocab_size > model.model_vocab_size:
        warnings.append(
            "the tokenizer has ids up to %d, the model's vocabulary only %d: is it the model's own?"
            % (model.vocab_size - 1, model.model_vocab_size)
        )
    model.tokenizer.enable_truncation(
        max_length=length, stride=0, strategy="longest_first", direction=model.truncation_side
    )
    return length


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
    try:
        stream = open(options.source, "rb", buffering=1 << 20)
    except OSError as error:
        raise PrepareError(
            NO_INPUT, "input " + quote(options.source, 200), "a readable file", error.strerror
        ) from None
    with stream:
        yield stream


def _choose_columns(
    options: Options, table: tables.Table, model: model_dir.ModelDir, spools: Spools
) -> _Columns:
    label = _optional_column(table, options.label_column, "label", "--label-column")
    number = _optional_column(table, options.id_column, "id", "--id-column")
    if options.text_column is not None:
        text = table.find(options.text_column, "--text-column")
    else:
        text = table.find_text([column for column in (label, number) if column is not None])
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
        text=table.getter(text),
        text_name=table.columns[text],
        ids=IdColumn(spools, None if number is None else table.columns[number]),
        get_id=None if number is None else table.getter(number),
        labels=None if label is None else LabelColumn(spools, table.columns[label], model.class_names),
        get_label=None if label is None else table.getter(label),
        kept=kept,
    )


def _optional_column(table: tables.Table, name: Optional[str], usual: str, option: str) -> Optional[int]:
    if name is None:
        return table.find_default((usual,))
    if name == NO_COLUMN and NO_COLUMN not in table.columns:
        return None
    return table.find(name, option)


def _stream(run: _Run, table: tables.Table, stream: BinaryIO) -> None:
    """The loop over the rows."""
    segmenter = segment.Segmenter(run.options.granularity)
    rows = itertools.islice(table.rows, run.options.limit)
    total = _size(stream) if run.options.source != "-" else None
    progress = Progress(run.options.quiet, total)
    try:
        for lines, texts in _batches(rows, run.columns, table.kind == "jsonl"):
            layout = _lay_out(lines, texts, run.columns.text_name)
            encodings = _encode(run.model, lines, texts)
            counts, ids, types, kept = _kept_tokens(encodings)
            n_cut, cut = _cut_tokens(encodings)
            features = segmenter.assign(layout, kept, cut)
            _write_tokens(run, counts, ids, types)
            _write_features(run.file, features, n_cut)
            run.file.append("text/bytes", np.frombuffer("".join(texts).encode("utf-8"), np.uint8), "uint8")
            run.file.append_counts("text/offsets", layout.row_bytes)
            _count(run.summary, len(ids), n_cut, features)
            progress.update(run.summary.rows, stream.tell() if total else None)
    finally:
        progress.finish()


def _size(stream: BinaryIO) -> Optional[int]:
    info = os.fstat(stream.fileno())
    return info.st_size if stat.S_ISREG(info.st_mode) else None


def _batches(
    rows: Iterator[tables.Row], columns: _Columns, typed: bool
) -> Iterator[Tuple[List[int], List[str]]]:
    """Line numbers and texts of up to BATCH_ROWS rows; the other columns take their values on the way."""
    lines: List[int] = []
    texts: List[str] = []
    size = 0
    for line, values in rows:
        text = columns.text(values)
        if not isinstance(text, str):
            raise PrepareError(
                MALFORMED,
                "line %d, column %s" % (line, quote(columns.text_name)),
                "a string",
                "nothing" if text is None else type(text).__name__,
            )
        if columns.get_id is not None:
            columns.ids.add(line, columns.get_id(values))
        if columns.labels is not None:
            columns.labels.add(line, columns.get_label(values))
        for column, get in columns.kept:
            column.add(line, get(values), typed)
        lines.append(line)
        texts.append(text)
        size += len(text)
        if len(texts) == BATCH_ROWS or size >= BATCH_CHARACTERS:
            yield lines, texts
            lines, texts, size = [], [], 0
    if texts:
        yield lines, texts


def _lay_out(lines: List[int], texts: List[str], name: str) -> segment.Layout:
    """The batch's characters, once no text holds a lone surrogate or a NUL."""
    try:
        layout = segment.lay_out(texts)
        if (layout.codepoints != 0).all():
            return layout
    except UnicodeEncodeError:
        pass
    for line, text in zip(lines, texts):
        if "\0" in text:
            raise PrepareError(
                MALFORMED, "line %d, column %s" % (line, quote(name)), "text", "a NUL character"
            )
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise PrepareError(
                MALFORMED, "line %d, column %s" % (line, quote(name)), "Unicode text", "a lone surrogate"
            )
    raise AssertionError("a batch was refused, but none of its texts")


def _encode(model: model_dir.ModelDir, lines: List[int], texts: List[str]) -> List[Any]:
    try:
        return model.tokenizer.encode_batch(texts)
    except Exception as error:  # the library raises nothing more specific
        raise PrepareError(
            MALFORMED,
            "lines %d to %d" % (lines[0], lines[-1]),
            "texts that the tokenizer can encode",
            quote(error, 120),
        ) from None


def _write_tokens(run: _Run, counts: np.ndarray, ids: np.ndarray, types: np.ndarray) -> None:
    """Token types are written from the first that is not 0, with the zeros before it."""
    run.file.append("tokens/ids", ids, "int32")
    run.file.append_counts("tokens/offsets", counts)
    if types.any() or run.file.has("tokens/types"):
        run.file.fill_up("tokens/types", run.summary.tokens, "uint8")
        run.file.append("tokens/types", types, "uint8")


def _write_features(file: dataset_file.DatasetFile, features: segment.Features, n_cut: np.ndarray) -> None:
    file.append("rows/truncated", n_cut, "uint32", dataset_file.ROW_CHUNK)
    file.append("tokens/features", features.token_feature, "int32")
    file.append_counts("features/offsets", features.counts)
    file.append("spans/begin", features.span_begin, "uint32")
    file.append("spans/end", features.span_end, "uint32")
    file.append("spans/feature", features.span_feature, "int32")
    file.append_counts("spans/offsets", features.span_counts)


def _count(summary: Summary, n_tokens: int, n_cut: np.ndarray, features: segment.Features) -> None:
    summary.rows += len(n_cut)
    summary.tokens += n_tokens
    summary.features += int(features.counts.sum())
    summary.empty_rows += int((features.counts == 0).sum())
    summary.truncated_rows += int((n_cut > 0).sum())
    summary.tokens_cut += int(n_cut.sum())
    summary.features_cut += features.n_cut
    summary.features_partly_cut += features.n_partly_cut
    summary.features_merged += features.n_merged
    summary.features_untokenised += features.n_untokenised


def _flat(encodings: List[Any], name: str, dtype: type) -> np.ndarray:
    return np.fromiter(itertools.chain.from_iterable(getattr(item, name) for item in encodings), dtype)


def _flat_offsets(encodings: List[Any]) -> np.ndarray:
    pairs = itertools.chain.from_iterable(item.offsets for item in encodings)
    return np.fromiter(itertools.chain.from_iterable(pairs), np.int64).reshape(-1, 2)


def _tokens(encodings: List[Any], rows: np.ndarray) -> Tuple[np.ndarray, segment.Tokens]:
    counts = np.fromiter((len(item) for item in encodings), np.int64, len(encodings))
    offsets = _flat_offsets(encodings)
    special = _flat(encodings, "special_tokens_mask", np.uint8)
    return counts, segment.Tokens(np.repeat(rows, counts), offsets[:, 0], offsets[:, 1], special == 0)


def _kept_tokens(encodings: List[Any]) -> Tuple[np.ndarray, np.ndarray, np.ndarray, segment.Tokens]:
    counts, tokens = _tokens(encodings, np.arange(len(encodings)))
    return counts, _flat(encodings, "ids", np.int32), _flat(encodings, "type_ids", np.uint8), tokens


def _cut_tokens(encodings: List[Any]) -> Tuple[np.ndarray, segment.Tokens]:
    """Tokens lost a row, and where they stood. The special tokens of the overflow are no loss."""
    overflow = [(row, part) for row, item in enumerate(encodings) for part in item.overflowing]
    _, tokens = _tokens([part for _, part in overflow], np.array([row for row, _ in overflow], np.int64))
    lost = tokens.maskable
    return np.bincount(tokens.row[lost], minlength=len(encodings)), tokens


def _finish(run: _Run) -> None:
    """The columns whose type is known only now, and the attributes."""
    options, model, columns, file, summary = run.options, run.model, run.columns, run.file, run.summary
    columns.ids.write(file, summary.rows)
    if columns.labels is not None:
        summary.labels, of_model = columns.labels.write(file)
        summary.unlabelled = columns.labels.n_unlabelled
        if not of_model and model.class_names is not None:
            summary.warnings.append(columns.labels.describe_mismatch() + "; the file keeps its own names")
    for column, _ in columns.kept:
        column.write(file)
    file.finish(
        {
            "tokenizer": model.tokenizer_name,
            "tokenizer_sha256": model.tokenizer_sha256,
            "granularity": options.granularity,
            "source": "stdin" if options.source == "-" else os.path.basename(options.source),
            "max_length": summary.max_length,
            "vocab_size": model.vocab_size,
            "n_truncated": summary.truncated_rows,
            "n_merged": summary.features_merged,
            "n_skipped": 0,
            **{kind + "_token_id": number for kind, number in model.special_ids.items()},
        }
    )
