"""How exact the numbers are: standard errors beside |phi|, and how well attributions add up."""

from __future__ import annotations

from typing import List, Optional, Tuple

import numpy as np

from .report_charts import Section, count, dots, escape, facts, line, note, number, panels, paragraph, percent, plot, scale_of
from .report_material import Material
from .report_rows import adds_up

MOST_DOTS = 6000  # on the page


def section(material: Material) -> Optional[Section]:
    if not material.results:
        return None
    result = material.results[0]
    values, errors, classes = _sample(material)
    contents = [(key, _errors(values[classes == at], errors[classes == at], MOST_DOTS // len(material.classes))) for key, at in material.panel_keys()]
    residual = material.survey.residual[np.isfinite(material.survey.residual)]
    parts = [panels("class", contents, material.key)]
    if adds_up(result.method) and len(residual):
        parts.append(paragraph("The attributions of a row must add up to output \u2212 base value. The largest difference of any row is <b>%s</b>, the median %s: what is left is rounding."
                               % (number(float(residual.max())), number(float(np.median(residual))))))
    elif not adds_up(result.method):
        parts.append(paragraph("Attributions of the method %s need not add up to output \u2212 base value." % escape(result.method)))
    evaluations = material.survey.evaluations
    parts.append(facts([("coalitions a row, median", number(float(np.median(evaluations)), 6)), ("least", count(int(evaluations.min()))), ("most", count(int(evaluations.max())))]) if len(evaluations) else "")
    return Section("convergence", "How exact the numbers are", "".join(parts))


def _sample(material: Material) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """phi, standard error and class of the attributions of the sampled rows."""
    found: List[Tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for index, rows in material.sampled():
        file = material.results[index]._file
        edges = file["features/offsets"][rows.start : rows.stop + 1]
        values, errors = (file[name][edges[0] : edges[-1]] for name in ("values", "std_errors"))
        targets = np.repeat(file["targets"][rows.start : rows.stop], np.diff(edges), axis=0)
        found.append((values.ravel(), errors.ravel(), targets.ravel()))
    if not found:
        return np.zeros(0), np.zeros(0), np.zeros(0, int)
    values, errors, classes = (np.concatenate(column) for column in zip(*found))
    keep = np.isfinite(values)
    return np.abs(values[keep].astype(np.float64)), errors[keep].astype(np.float64), classes[keep]


def _errors(size: np.ndarray, error: np.ndarray, most: int) -> str:
    known = np.isfinite(error)
    if not known.any():
        return paragraph("This method or estimator gives no standard errors.")
    sampled = known & (error > 0)
    text = paragraph("%s of the attributions that were looked at have a standard error of 0 (every coalition was evaluated, nothing was sampled); %s have none."
                     % (percent(int((known & (error == 0)).sum()), len(size)), percent(int((~known).sum()), len(size))))
    if not sampled.any():
        return text
    size, error = size[sampled], error[sampled]
    strong = size >= np.quantile(size, 0.9)
    text += facts([("|phi| above 2 standard errors", percent(int((size > 2 * error).sum()), len(size))),
                   ("the same, of the strongest tenth", percent(int((size[strong] > 2 * error[strong]).sum()), int(strong.sum()))),
                   ("median standard error", number(float(np.median(error)))), ("median |phi|", number(float(np.median(size))))])
    step = -(-len(size) // most)
    points = list(zip(size[::step].tolist(), error[::step].tolist()))
    across, up = scale_of(x for x, _ in points), scale_of(y for _, y in points)
    end = min(across.high, 2 * up.high)
    content = dots(points, across, up) + line([(0, 0), (end, end / 2)], across, up, "limit")
    picture = plot(content, across, up, ("|phi|", "standard error"), "Standard errors against sizes of attributions: %s of them lie above the line" % percent(int((size <= 2 * error).sum()), len(size)))
    shown = "all %s" % count(len(size)) if step == 1 else "one in %d of %s" % (step, count(len(size)))
    return text + picture + note("A dot for an attribution (%s with a standard error). Above the dashed line |phi| is less than two standard errors: its sign may be chance. More budget moves the dots down." % shown)
