"""Which words the model needs to be right: files of `ascribe importance` (`ascribe-importance`)."""

from __future__ import annotations

from typing import List, Optional

import ascribe_results

from .errors import MALFORMED, PrepareError, quote
from .report_charts import Bar, Section, bars, count, escape, note, number, paragraph, table, word
from .report_material import Material

FORMATS = (ascribe_results.Importance.FORMAT,)
MOST_BARS = 20
MOST_LINES = 200
LOSSES = {"cross_entropy": "cross-entropy, nats", "binary_cross_entropy": "sum of binary cross-entropies, nats", "squared_error": "squared error"}


def section(material: Material) -> Optional[Section]:
    paths = [path for name in FORMATS for path in material.by_kind.get(name, ())]
    if not paths:
        return None
    return Section("importance", "Which words does the model need to be right?", "".join(map(_file, paths)))


def _file(path: str) -> str:
    try:
        with ascribe_results.load(path) as importance:
            return _describe(path, importance)
    except (ascribe_results.ResultError, KeyError, OSError, ValueError, TypeError, IndexError) as error:
        raise PrepareError(MALFORMED, quote(path, 200), "a file of 'ascribe importance -o'", str(error)) from None


def _describe(path: str, importance: ascribe_results.Importance) -> str:
    whole, loss = importance.whole, LOSSES[importance.loss]
    parts = [paragraph(
        "The words of %s labelled rows of %s were taken away, and the model's error was watched: its mean loss (%s) is %s on whole rows and %s without any word."
        % (count(importance.n_rows), escape(path), loss, number(whole["loss_full"]), number(whole["loss_empty"])))]
    parts.append(_bars(importance, "sage/value", "sage/ci_", "SAGE: share of the loss that the words take away", "SAGE"))
    parts.append(_bars(importance, "removal/log_loss/drop", "removal/log_loss/ci_", "Loss that is added when the words are removed everywhere", "loss"))
    parts.append(_table(importance))
    parts.append(note(
        "SAGE shares all of the loss that words take away out among them (Shapley value); what stands below 0 misleads the model more than it helps. Removal asks for one word at a time: words that "
        "stand in for each other may matter little alone. Intervals are 95 %, the rows as a sample, and speak of this model, these labels and masked texts, not of causes in the world."))
    return "".join(parts)


def _shown(importance: ascribe_results.Importance, column: str) -> List[int]:
    """The groups of largest absolute value, the rest of the words apart."""
    values = importance.table[column]
    named = [i for i, name in enumerate(importance.names) if name != "(other words)"]
    return sorted(named, key=lambda i: -abs(float(values[i])))[:MOST_BARS]


def _bars(importance: ascribe_results.Importance, column: str, ends: str, caption: str, value: str) -> str:
    table_, lines = importance.table, []
    for i in _shown(importance, column):
        middle = float(table_[column][i])
        lines.append(Bar(word(importance.names[i]), middle, float(table_[ends + "low"][i]), float(table_[ends + "high"][i]), number(middle, 2, True), middle < 0))
    return bars(lines, caption, "word", value, LOSSES[importance.loss]) if lines else ""


def _table(importance: ascribe_results.Importance) -> str:
    columns = [("sage/value", "SAGE"), ("sage/std_error_sampling", "\u00b1 sampling"), ("sage/std_error_population", "\u00b1 rows"), ("removal/log_loss/drop", "removed: loss"),
               ("removal/accuracy/drop", "accuracy"), ("removal/auc/drop", "AUC")]
    body = [(word(name), count(int(importance.table["rows"][i])), *(number(float(importance.table[column][i]), 3, "error" not in column) for column, _ in columns))
            for i, name in enumerate(importance.names[:MOST_LINES])]
    if len(importance.names) > MOST_LINES:
        body.append(("%s more" % count(len(importance.names) - MOST_LINES), *[""] * (len(columns) + 1)))
    return table(("word", "rows", *(title for _, title in columns)), body, "Importance: what the model loses is positive")
