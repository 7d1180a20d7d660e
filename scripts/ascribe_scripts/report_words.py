"""The words of the whole dataset: bars of mean |phi|, dots of single occurrences, and the table."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .report_charts import MINUS, Bar, Section, bars, count, escape, note, number, panels, paragraph, swarm, visible, word
from .report_material import Material

N_BARS = 20
MOST_LETTERS = 200  # of a word in the table
MOST_DOTS = 14_000  # on the page
COLUMNS = ("count", "rows", "mean", "mean_abs", "std", "ci_low", "ci_high", "q_value", "min_row", "max_row")


def section(material: Material) -> Optional[Section]:
    if not material.global_path:
        return None
    charts = [(key, _bars(material, at)) for key, at in material.panel_keys()]
    html = [paragraph("How far each word moves the output of this class, whichever way, on average over all its occurrences: mean |phi|. Its <b>importance</b> is the sum of |phi|: "
                      "frequent words count. Words with fewer than %d occurrences are left out." % material.options.min_count)]
    html.append(panels("class", charts, material.key))
    html.append(note(
        "The words are those with the largest sums, the longest bar first. Whiskers: two standard errors, with the rows as the sample. Blue and <b>+</b>: the mean is above 0, orange and <b>%s</b>: below; <b>\u00b1</b>: "
        "the 95 %% interval of the mean holds 0, the sign depends on the context or on chance." % MINUS))
    if material.results:
        html += _swarms(material)
    html.append(_table(material))
    return Section("words", "Words", "".join(html), _data(material))


def _top(material: Material, at: int) -> List[Dict[str, Any]]:
    """The most important words, that with the largest mean |phi| first."""
    return sorted(material.tables[at]["words"][:N_BARS], key=lambda line: -line["mean_abs"])


def _sign(line: Dict[str, Any]) -> str:
    low, high = line["ci_low"], line["ci_high"]
    if low is None or low <= 0 <= high:
        return "\u00b1"
    return "+" if low > 0 else MINUS


def _bars(material: Material, at: int) -> str:
    lines = _top(material, at)
    if not lines:
        return paragraph("No word has %d occurrences with attributions towards %s." % (material.options.min_count, word(material.class_names[at])))
    chart = []
    for line in lines:
        error = line["mean_abs_std_error"]
        around = 2 * error if error is not None else float("nan")
        chart.append(Bar(word(line["word"]), line["mean_abs"], line["mean_abs"] - around, line["mean_abs"] + around,
                         "<b>%s</b> %s <small>\u00d7%s</small>" % (_sign(line), number(line["mean_abs"]), count(line["count"])), line["mean"] < 0))
    caption = "The %d most important words for %s" % (len(lines), word(material.class_names[at]))
    return bars(chart, caption, "word", "mean |phi| <small>\u00d7count</small>", "")


# ---- Single occurrences ----


def _swarms(material: Material) -> List[str]:
    found, n_rows, n_seen = _occurrences(material)
    most = max(40, MOST_DOTS // len(material.classes) // N_BARS)
    contents = []
    for key, at in material.panel_keys():
        lines = []
        for line in _top(material, at):
            dots = found[at][line["word"]]
            kept = dots[:: max(1, -(-len(dots) // most))]
            lines.append((word(line["word"]), kept, count(len(kept))))
        contents.append((key, swarm(lines, "The same words, a dot for each occurrence", "phi towards %s" % word(material.class_names[at])) if lines else ""))
    rule = "all %s rows" % count(n_rows) if n_seen == n_rows else "%s of %s rows, in stretches that are evenly spread over the file" % (count(n_seen), count(n_rows))
    return [
        panels("class", contents, material.key),
        note("Right of the line the word moved the output towards this class in that row, left of it away. Hollow: the row is predicted wrong. "
             "Dots come from %s; of a word with more than %d there, every second, third, \u2026 so that at most %d are drawn (right: how many)." % (rule, most, most)),
    ]


def _occurrences(material: Material) -> Tuple[Dict[int, Dict[str, List[Tuple[float, bool]]]], int, int]:
    """For every class and each of its top words (phi, the row is wrong) of occurrences; rows there are, rows that were read."""
    folded = material.settings.get("case") == "folded"
    wanted = {at: {line["word"] for line in material.tables[at]["words"][:N_BARS]} for at in material.classes}
    any_class = set().union(*wanted.values())
    found: Dict[int, Dict[str, List[Tuple[float, bool]]]] = {at: defaultdict(list) for at in material.classes}
    starts = np.concatenate(([0], np.cumsum([len(result) for result in material.results])))
    n_seen = 0
    for index, rows in material.sampled():
        for row_number in rows:
            row = material.results[index][row_number]
            words = [text.casefold() if folded else text for text in row.words]
            places = [i for i, text in enumerate(words) if text in any_class]
            n_seen += 1
            if not places:
                continue
            wrong = bool(material.survey.right[starts[index] + row_number] == 0)
            values = row.values
            for column, target in enumerate(row.column("targets").tolist()):
                for i in places if target in wanted else ():
                    if words[i] in wanted[target] and np.isfinite(values[i, column]):
                        found[target][words[i]].append((float(values[i, column]), wrong))
    return found, int(starts[-1]), n_seen


# ---- The table ----

HEAD = (
    ("word", "word", ""),
    ("count", "count", "occurrences"),
    ("rows", "rows", "rows with at least one"),
    ("mean", "mean phi", "of all occurrences: which way the word moves this class"),
    ("mean_abs", "mean |phi|", "how far, whichever way"),
    ("std", "sd", "standard deviation of phi over the occurrences"),
    ("ci_low", "95 % interval", "of mean phi, by Student's t with the rows as the sample"),
    ("q_value", "q", "p-value of 'mean phi is 0' after Benjamini and Hochberg"),
    ("min_row", "least in row", "id of the row where phi is least"),
    ("max_row", "most in row", "id of the row where phi is largest"),
)


def _table(material: Material) -> str:
    head = "".join(
        '<th scope="col"%s aria-sort="none"><button type="button" data-column="%s" title="%s">%s</button></th>'
        % ("" if name == "word" else ' class="n"', name, escape(hint or "the feature's text"), escape(title)) for name, title, hint in HEAD)
    return (
        '<h3 id="table">All words</h3><div class="tools"><label>Search <input type="search" id="search" autocomplete="off" spellcheck="false"></label>'
        '<output id="found" for="search"></output></div>'
        '<div class="wide" tabindex="0" role="region" aria-labelledby="table"><table id="words-table"><thead><tr>%s</tr></thead><tbody></tbody></table></div>'
        '<div class="tools"><button type="button" id="more-words">Show more</button></div>' % head
        + note("q up to 0.05 for all words that one calls \u201cnot 0\u201d: about one call in 20 or fewer is false. Not 0 is not important: look at the size. "
               "A dash: no answer, as for a word of one row."))


def _rounded(value: Any) -> Any:
    return float("%.5g" % value) if isinstance(value, float) else value


def _data(material: Material) -> Dict[str, Any]:
    """words: the texts; tables: for each class the number of its words in all and a list of columns, the first of indexes into words."""
    numbers: Dict[str, int] = {}
    tables = {}
    for key, at in material.panel_keys():
        lines = material.tables[at]["words"]
        columns = [[numbers.setdefault(line["word"], len(numbers)) for line in lines]]
        columns += [[_rounded(line[name]) for line in lines] for name in COLUMNS]
        tables[key] = {"n": material.tables[at]["n_words"], "columns": columns}
    return {"names": ["word", *COLUMNS], "words": [visible(text[:MOST_LETTERS]) for text in numbers], "tables": tables}
