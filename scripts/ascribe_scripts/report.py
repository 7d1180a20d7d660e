"""ascribe-report: one HTML file that shows what results and their sums say.

A section is a module with a function `section(material) -> Section or None`; None: its file was not given. To add one: a module,
its name in SECTIONS, and the format of its file in its list FORMATS when results and sums are not enough.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Any, List, Optional

from . import __version__, report_compare, report_convergence, report_evaluation, report_facts, report_groups, report_importance, report_methods, report_probe, report_rows, report_words
from .errors import NO_OUTPUT, USAGE, PrepareError, quote
from .program import Parser, guarded
from .report_material import Material, Options
from .report_page import page

SECTIONS = (report_facts, report_words, report_rows, report_groups, report_compare, report_convergence, report_evaluation, report_importance, report_probe, report_methods)

NAME = "ascribe-report"
DESCRIPTION = """\
Makes one HTML file of results: which words matter, in which rows, how surely, and what the numbers mean. It needs no
network and opens from disk in any browser."""
EPILOG = """\
FILE is a result (several of one run: part-*.h5), what 'ascribe global -o', 'ascribe evaluate -o' or
'ascribe probe -o' kept, or what 'ascribe compare --json' printed, of results or of evaluations.
Words are summed up by 'ascribe global'. Single rows are shown of results only.

examples:
  ascribe report result.h5 -o report.html
  ascribe report result.h5 --class negative --rows 0,17,40-45 --title "Reviews, May" -o report.html
  ascribe global part-*.h5 -o global.h5 && ascribe report global.h5 part-*.h5 -o report.html
  ascribe compare old.h5 new.h5 --json > shift.json && ascribe report new.h5 shift.json -o report.html

A report of 100,000 rows is a few megabytes at most: of words, rows and dots so many are shown, and the page says how they were chosen.

exit status: 0 done, 64 usage, 65 malformed input, 66 input missing, 69 the program ascribe is missing, 70 a fault of
ascribe, 71 out of memory, 73 cannot create the output, or it exists, 74 input/output error, 78 files that do not belong
together
"""


def row_numbers(text: str) -> List[int]:
    """"0,4,10-12" -> [0, 4, 10, 11, 12], each once."""
    rows = {}
    for piece in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})(?:-(\d{1,18}))?\s*", piece, re.ASCII)
        if not match:
            raise argparse.ArgumentTypeError("expected numbers like 0,4,10-12, found %s" % quote(text))
        first, last = int(match.group(1)), int(match.group(2) or match.group(1))
        if last < first or last - first > 10_000:
            raise argparse.ArgumentTypeError("expected FIRST-LAST of at most 10000 rows, found %s" % quote(piece))
        rows.update(dict.fromkeys(range(first, last + 1)))
    return list(rows)


def _number(low: int, high: int) -> Any:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError("expected a number from %d to %d, found %s" % (low, high, quote(text)))
        return int(text)

    return parse


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(prog=NAME, description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("files", metavar="FILE", nargs="+", help="results, a file of 'ascribe global', a comparison")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the HTML file to make")
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    parser.add_argument("--title", metavar="TEXT", help="heading of the page (default: the first file's name)")
    parser.add_argument("-c", "--class", dest="class_name", metavar="NAME|INDEX", help="the class that is shown first (default: the second of two, else the one predicted most)")
    parser.add_argument("-r", "--rows", metavar="LIST", type=row_numbers, default=[], help="rows that must be shown, by their numbers in the results one after the other: 0,4,10-12")
    parser.add_argument("--max-rows", metavar="N", type=_number(0, 1000), default=60, help="rows that are shown at most (default: 60)")
    parser.add_argument("--min-count", metavar="N", type=_number(1, 10**9), default=3, help="words with fewer occurrences are left out (default: 3)")
    parser.add_argument("--keep-case", action="store_true", help="words that differ in case only are different words (without a file of 'ascribe global')")
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary")
    parser.add_argument("--version", action="version", version="%s %s" % (NAME, __version__))
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit status."""
    options = make_parser().parse_args(arguments)
    return guarded(NAME, lambda: _run(options), "expected enough for the report, found less; try fewer rows with --max-rows")


def _run(options: argparse.Namespace) -> int:
    if os.path.lexists(options.output) and not options.force:
        raise PrepareError(NO_OUTPUT, "output " + quote(options.output, 200), "no such file", "one", "--force replaces it")
    if any(_same(path, options.output) for path in options.files):
        raise PrepareError(USAGE, "output " + quote(options.output, 200), "another file than the inputs", "one of them")
    if len(options.rows) > options.max_rows:
        raise PrepareError(USAGE, "--rows", "at most %d rows (--max-rows)" % options.max_rows, str(len(options.rows)))
    chosen = Options(options.title, options.class_name, options.rows, options.max_rows, options.min_count, not options.keep_case)
    known = [name for module in SECTIONS for name in getattr(module, "FORMATS", ())]
    with Material(options.files, known, chosen) as material:
        if options.rows and not material.results:
            raise PrepareError(USAGE, "--rows", "a result beside it", "none")
        sections = [section for section in (module.section(material) for module in SECTIONS) if section]
        title = options.title or "What moves the model: " + os.path.basename(options.files[0])
        text = page(sections, material, title)
    size = write(text.encode("utf-8"), options.output, options.force)
    if not options.quiet:
        print("%s: %s, %.0f kB" % (options.output, ", ".join(section.name for section in sections), size / 1e3))
    return 0


def _same(path: str, other: str) -> bool:
    return os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)


def write(data: bytes, path: str, replace: bool) -> int:
    """Writes the file beside its place, syncs it, and puts it there; returns its size."""
    temporary = "%s.%d.tmp" % (path, os.getpid())
    try:
        file = open(temporary, "xb")
    except OSError as error:
        raise PrepareError(NO_OUTPUT, "output " + quote(path, 200), "to create it", error.strerror or "") from None
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            _put_new(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
    return len(data)


def _put_new(temporary: str, path: str) -> None:
    """As os.replace, but never over a file that came meanwhile."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise PrepareError(NO_OUTPUT, "output " + quote(path, 200), "no such file", "one", "--force replaces it") from None
    except OSError:  # a file system without hard links
        os.replace(temporary, path)
        return
    os.remove(temporary)


if __name__ == "__main__":
    sys.exit(main())
