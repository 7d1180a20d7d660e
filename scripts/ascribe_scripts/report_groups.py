"""What moves right and wrong predictions: the words of the cells of the confusion matrix."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .report_charts import Section, count, note, number, paragraph, table, word
from .report_material import Material

MOST_CELLS = 6
N_WORDS = 8
MOST_READ = 2000  # words of a group, by importance


def section(material: Material) -> Optional[Section]:
    if not material.global_path or not material.label_classes or min(material.label_classes) < 0:
        return None
    cells = sorted(((rows, label, prediction) for label, prediction, rows in material.groups
                    if label >= 0 and prediction >= 0 and material.label_classes[label] != prediction), reverse=True)
    if not cells:
        return Section("groups", "What moves wrong predictions", paragraph("No labelled row is predicted wrong."))
    parts = [paragraph("For each kind of mistake: the words that pulled towards the predicted class, and those that pulled away from it, by their sum of phi over "
                       "the wrong rows; beside it the same words\u2019 mean where that class is predicted rightly. A word that pulls hard in wrong rows only is where to look first.")]
    parts += [_cell(material, rows, label, prediction) for rows, label, prediction in cells[:MOST_CELLS]]
    if len(cells) > MOST_CELLS:
        parts.append(note("and %d smaller groups: <code>ascribe global FILE --group label:NAME,prediction:NAME</code>" % (len(cells) - MOST_CELLS)))
    parts.append(note("Small groups: the means of few rows are rough. Intervals are 95 %% of the mean. A dash: not there, or not among the %s most important words." % count(MOST_READ)))
    return Section("groups", "What moves wrong predictions", "".join(parts))


def group_name(material: Material, label: int, prediction: int) -> str:
    return "label:%s,prediction:%s" % (material.label_names[label], material.class_names[prediction])


def _cell(material: Material, rows: int, label: int, prediction: int) -> str:
    wrong = material.table(prediction, group_name(material, label, prediction), top=MOST_READ, min_count=2 if rows > 5 else 1)["words"]
    right_label = material.label_classes.index(prediction) if prediction in material.label_classes else None
    right = {}
    if right_label is not None:
        lines = material.table(prediction, group_name(material, right_label, prediction), top=MOST_READ, min_count=1)["words"]
        right = {line["word"]: line for line in lines}
    title = "<h3>%s rows of label %s, predicted %s</h3>" % (count(rows), word(material.label_names[label]), word(material.class_names[prediction]))
    ordered = sorted(wrong, key=lambda line: -line["mean"] * line["count"])
    towards = [line for line in ordered if line["mean"] > 0][:N_WORDS]
    away = [line for line in reversed(ordered) if line["mean"] < 0][:N_WORDS]
    return title + '<div class="columns">%s%s</div>' % (
        _words(towards, right, "Towards %s" % word(material.class_names[prediction])), _words(away, right, "Away from it"))


def _words(lines: List[Dict[str, Any]], right: Dict[str, Any], caption: str) -> str:
    body = []
    for line in lines:
        interval = "%s \u2026 %s" % (number(line["ci_low"], 2, True), number(line["ci_high"], 2, True)) if line["ci_low"] is not None else "\u2013"
        other = right.get(line["word"])
        body.append((word(line["word"]), count(line["count"]), number(line["mean"], 3, True), interval, number(other["mean"], 3, True) if other else "\u2013"))
    if not body:
        return "<div>%s</div>" % table((caption,), [("none",)])
    return "<div>%s</div>" % table(("word", "count", "mean phi", "interval", "where right"), body, caption)
