"""ascribe-prepare: the command line, its messages and its exit codes."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
from typing import Any, List, Optional

from . import __version__
from .errors import UNAVAILABLE, USAGE, PrepareError, quote
from .program import Parser, guarded, say

NAME = "ascribe-prepare"
DESCRIPTION = """\
Turns texts into a dataset file for ascribe: tokens, features that receive attributions, labels and ids."""
EPILOG = r"""examples:
  ascribe-prepare reviews.csv -o reviews.h5 --model my-model
      column text, labels from column label (when there), words as features
  cut -f2 tweets.tsv | ascribe-prepare - --format text -o tweets.h5 --model my-model --features token
      one text a line from standard input, every token a feature
  ascribe-prepare nli.parquet -o nli.h5 --model my-model --text-column premise --text-pair-column hypothesis
      pairs of texts; no feature crosses from one into the other

features:
  word        runs of letters, digits and apostrophes; every other non-space character on its own
  whitespace  runs of non-space characters
  token       every token of the text
  sentence    sentences by rules: . ! ? or an ellipsis and a space, empty lines; not after common abbreviations
  bow         LIME's bag of words: all occurrences of a word (\w+, case matters) are one feature
  regex:PATTERN  every match of a regular expression of Python
  With sentence, bow, regex: and --spans, what lies between the features is fixed: always present, like [CLS].
  --spans FILE has one line for every row: {"spans": [[0, 4], [5, 9, "x"], [12, 15, "x"]]}, begin and end in
  characters, end exclusive; spans with the same third member are one feature; "pair_spans" for the second text.
  --rationales FILE is such a file; a feature is in the rationale when it shares a character with a span of its row.
  A token that touches two features merges them; the summary counts the merges.

labels:
  class       a name or index for each row
  multi       several: a list (JSONL, Parquet) or text with --label-separator; null = not labelled, empty = none
  hot         the same as a list of 0 and 1, one for every class
  number      what a regression should predict
  auto        hot for lists of floats or booleans, multi for other lists, with a separator or a multi-label model,
              number for a regression model, else class

exit status: 0 done, 64 usage, 65 malformed input, 66 input missing, 69 a Python package is missing, 70 a
fault of ascribe, 71 out of memory, 73 cannot create the output, 74 input/output error
"""


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


_positive.__name__ = "positive integer"


def _names(text: str) -> List[str]:
    return [name for name in text.split(",") if name]


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=NAME,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    parser.add_argument(
        "input", metavar="INPUT", help="CSV, TSV, JSONL, Parquet or plain text (one a line); - = standard input"
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT.h5", help="the dataset file to make")
    parser.add_argument("--model", required=True, metavar="DIR", help="Hugging Face model directory")
    parser.add_argument(
        "--tokenizer", metavar="FILE", help="tokenizer.json or vocab.txt (default: the model's)"
    )
    parser.add_argument(
        "--features",
        metavar="RULE",
        help="what receives an attribution: word, whitespace, token, sentence, bow, regex:PATTERN (default: word)",
    )
    parser.add_argument("--spans", metavar="FILE.jsonl", help="features from a file, a line for every row")
    parser.add_argument(
        "--rationales", metavar="FILE.jsonl", help="spans that people marked as reasons, a line for every row"
    )
    parser.add_argument(
        "--max-length",
        type=_positive,
        metavar="N",
        help="most tokens a row, special ones included (default: what the model allows)",
    )
    parser.add_argument("--limit", type=_positive, metavar="N", help="take the first N rows only")
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, warnings or summary")
    parser.add_argument("--version", action="version", version="%s %s" % (NAME, __version__))
    _add_table_options(parser.add_argument_group("the input"))
    return parser


def _add_table_options(table: Any) -> None:
    table.add_argument(
        "--format",
        choices=("auto", "csv", "tsv", "jsonl", "parquet", "text"),
        default="auto",
        help="default: by the file's ending (.csv .tsv .tab .jsonl .ndjson .parquet .txt)",
    )
    table.add_argument("--encoding", metavar="NAME", help="default: UTF-8, checked")
    table.add_argument(
        "--no-header", action="store_true", help="the first line of a CSV or TSV file is a row"
    )
    table.add_argument(
        "--text-column",
        metavar="NAME|INDEX",
        help="default: text, sentence, content, review or the only string column; indices from 0",
    )
    table.add_argument(
        "--text-pair-column", metavar="NAME|INDEX", help="of the second text, if the model takes pairs"
    )
    table.add_argument(
        "--label-column", metavar="NAME|INDEX", help="default: label when there; none = no labels"
    )
    table.add_argument(
        "--label-type", choices=("auto", "class", "multi", "hot", "number"), default="auto", help="see below"
    )
    table.add_argument("--label-separator", metavar="TEXT", help="what stands between the labels of a row")
    table.add_argument("--id-column", metavar="NAME|INDEX", help="default: id when there; none = positions")
    table.add_argument(
        "--keep",
        type=_names,
        action="append",
        default=[],
        metavar="COL[,COL]",
        help="columns to keep as meta/COL",
    )


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, _stop)
    options = make_parser().parse_args(arguments)
    return guarded(NAME, lambda: _run(options), "expected enough, found none left; try a machine with more")


def _stop(number: int, _frame: Any) -> None:
    raise SystemExit(128 + number)


def _run(arguments: argparse.Namespace) -> int:
    try:
        from . import pipeline
    except ImportError as error:
        raise PrepareError(
            UNAVAILABLE,
            "Python packages",
            "numpy, h5py and tokenizers",
            "no %s" % (error.name or error),
            "scripts/python-env makes an environment that has them",
        )
    if arguments.features is not None and arguments.spans is not None:
        raise PrepareError(USAGE, "--spans", "no --features beside it", quote(arguments.features))
    if arguments.label_separator == "":
        raise PrepareError(USAGE, "--label-separator", "at least one character", "none")
    summary = pipeline.prepare(
        pipeline.Options(
            source=arguments.input,
            output=arguments.output,
            model=arguments.model,
            tokenizer=arguments.tokenizer,
            kind=arguments.format,
            encoding=arguments.encoding,
            header=not arguments.no_header,
            text_column=arguments.text_column,
            text_pair_column=arguments.text_pair_column,
            label_column=arguments.label_column,
            label_type=arguments.label_type,
            label_separator=arguments.label_separator,
            id_column=arguments.id_column,
            keep=tuple(name for names in arguments.keep for name in names),
            granularity=arguments.features or "word",
            spans=arguments.spans,
            rationales=arguments.rationales,
            max_length=arguments.max_length,
            limit=arguments.limit,
            force=arguments.force,
            quiet=arguments.quiet,
        )
    )
    if not arguments.quiet:
        for warning in summary.warnings:
            say(NAME, "warning: " + warning)
    if arguments.json:
        print(json.dumps({**dataclasses.asdict(summary), **_rates(summary)}, ensure_ascii=False))
    elif not arguments.quiet:
        _print(summary)
    return 0


def _rates(summary: Any) -> dict:
    return {
        "mean_tokens": summary.tokens / summary.rows,
        "mean_features": summary.features / summary.rows,
        "rows_per_second": summary.rows / max(summary.seconds, 1e-9),
    }


def _print(summary: Any) -> None:
    rates = _rates(summary)
    lines = [
        ("rows", "%s (%s without a feature)" % (format(summary.rows, ","), format(summary.empty_rows, ","))),
        (
            "features",
            "%s (%.1f a row), granularity %s"
            % (format(summary.features, ","), rates["mean_features"], summary.granularity),
        ),
        (
            "tokens",
            "%s (%.1f a row), at most %d"
            % (format(summary.tokens, ","), rates["mean_tokens"], summary.max_length),
        ),
        (
            "truncated",
            "%s rows: %s tokens and %s features cut off, %s features partly"
            % tuple(
                format(number, ",")
                for number in (
                    summary.truncated_rows,
                    summary.tokens_cut,
                    summary.features_cut,
                    summary.features_partly_cut,
                )
            ),
        ),
        ("merged", "%s features, by tokens that touch two" % format(summary.features_merged, ",")),
        ("dropped", "%s features without a token" % format(summary.features_untokenised, ",")),
    ]
    if summary.label_type == "number":
        lines.append(("labels", "numbers, %s rows without one" % format(summary.unlabelled, ",")))
    elif summary.labels is not None:
        counts = ["%s %s" % (name, format(count, ",")) for name, count in summary.labels.items()]
        counts += ["none %s" % format(summary.unlabelled, ",")] if summary.unlabelled else []
        lines.append(("labels", ", ".join(counts[:50]) + (", ..." if len(counts) > 50 else "")))
    lines.append(
        (
            "file",
            "%s, %.1f MB, %.1f s, %s rows/s"
            % (
                summary.output,
                summary.bytes / 1e6,
                summary.seconds,
                format(round(rates["rows_per_second"]), ","),
            ),
        )
    )
    for name, value in lines:
        print("%-10s %s" % (name, value))


if __name__ == "__main__":
    sys.exit(main())
