"""The report's first section: what was computed, from what, how well the model does, and what is to be said about the rows."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

import ascribe_results

from .report_charts import Section, count, escape, facts, note, number, percent, table
from .report_material import Material

MOST_CELLS = 30


def section(material: Material) -> Optional[Section]:
    if not material.global_path:
        return None
    parts = [note(escape(text)) for text in material.notes]
    parts.append(_headline(material))
    parts.append('<div class="columns">%s%s</div>' % (_confusion(material), _statuses(material)))
    parts += [_manifest(result) for result in material.results] or [_settings(material)]
    return Section("facts", "The run", "".join(parts))


def _headline(material: Material) -> str:
    survey, pairs = material.survey, []
    pairs.append(("rows", count(material.n_rows)))
    if material.n_unexplained:
        pairs.append(("rows without attributions", count(material.n_unexplained)))
    pairs.append(("attributions", count(material.n_attributions)))
    pairs.append(("different words", "%s%s" % (count(material.n_words), " (case ignored)" if material.settings.get("case") == "folded" else "")))
    right, known = accuracy(material)
    if known:
        pairs.append(("accuracy", "%s <small>(%s of %s labelled rows)</small>" % (percent(right, known), count(right), count(known))))
    if survey is not None and np.isfinite(survey.error).any():
        pairs.append(("mean absolute error", number(float(np.nanmean(survey.error)))))
    pairs.append(("classes", escape(", ".join(material.class_names[:8]) + (", \u2026 (%d)" % len(material.class_names) if len(material.class_names) > 8 else ""))))
    return facts(pairs)


def accuracy(material: Material) -> Tuple[int, int]:
    """(rows predicted right, rows that can be judged), from the rows where they are there, else from the groups of the sums."""
    if material.survey is not None:
        return int((material.survey.right == 1).sum()), int((material.survey.right >= 0).sum())
    cells = [(label, prediction, rows) for label, prediction, rows in material.groups if label >= 0 and prediction >= 0]
    if not cells or min(material.label_classes) < 0:
        return 0, 0
    return sum(rows for label, prediction, rows in cells if material.label_classes[label] == prediction), sum(rows for _, _, rows in cells)


def _confusion(material: Material) -> str:
    cells = sorted((cell for cell in material.groups if cell[0] >= 0), key=lambda cell: -cell[2])
    if not cells:
        return ""
    lines = []
    for label, prediction, rows in cells[:MOST_CELLS]:
        wanted = material.label_classes[label]
        verdict = "" if wanted < 0 else "right" if wanted == prediction else '<strong class="wrong">wrong</strong>'
        lines.append((escape(material.label_names[label]), escape(material.class_names[prediction]) if prediction >= 0 else "none", verdict, count(rows)))
    rest = len(cells) - len(lines)
    return "<div>%s%s</div>" % (
        table(("label", "prediction", "", "rows"), lines, "Labels and predictions", numbers_from=3), note("and %d smaller groups" % rest) if rest > 0 else "")


def _statuses(material: Material) -> str:
    survey = material.survey
    if survey is None:
        return ""
    lines = [("nothing to say", count(int((survey.status == 0).sum())))]
    names = dict(enumerate(ascribe_results.STATUS_NAMES))
    for bit in range(32):
        n_rows = int((survey.status >> np.uint32(bit) & 1).sum())
        if n_rows:
            lines.append((escape(names.get(bit, "bit_%d" % bit)), count(n_rows)))
    return "<div>%s</div>" % table(("status", "rows"), lines, "Status of the rows")


def _flat(value: Any, name: str = "") -> List[Tuple[str, str]]:
    """A JSON value as names and texts."""
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _flat(inner, ("%s %s" % (name, key)).strip())]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return [(name.replace("_", " "), '<span class="code">%s</span>' % escape(text))]


def _manifest(result: ascribe_results.Result) -> str:
    manifest, run = _object(result, "manifest"), _object(result, "run")
    chosen = [("file", escape(result.path)), ("method", escape(result.method)), ("estimator", escape(result.estimator)), ("budget", escape(manifest.get("budget", ""))),
              ("masking policy", escape(result.policy)), ("output", escape(result.output)), ("features", escape(result.granularity)),
              ("seed", escape(manifest.get("seed", ""))), ("backend", escape(manifest.get("backend", ""))), ("precision", escape(manifest.get("precision", ""))),
              ("kernel set", escape(manifest.get("kernel_set", ""))), ("made by", escape(ascribe_results._text(result._attribute("created_by", ""))))]
    for name, where in (("model", manifest.get("model")), ("dataset", manifest.get("dataset"))):
        if isinstance(where, dict):
            chosen += _flat(where, name)
    chosen.append(("digest of the result", '<span class="code">%s</span>' % escape(ascribe_results._text(result._attribute("digest", "")))))
    whole = [("manifest hash", '<span class="code">%s</span>' % escape(ascribe_results._text(result._attribute("manifest_hash", ""))))] + _flat(manifest) + _flat(run, "run")
    return facts(chosen) + "<details><summary>Everything that the result says of itself</summary>%s</details>" % facts(whole)


def _object(result: ascribe_results.Result, name: str) -> Dict[str, Any]:
    try:
        value = getattr(result, name)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}


def _settings(material: Material) -> str:
    return facts(_flat(material.settings)) + facts([("sources", escape(", ".join(material.sources)))])
