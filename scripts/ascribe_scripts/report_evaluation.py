"""How faithful the attributions are: files of `ascribe evaluate` (`ascribe-evaluation`)."""

from __future__ import annotations

from typing import List, Optional, Tuple

import h5py
import numpy as np

from .errors import MALFORMED, PrepareError, quote
from .report_charts import Scale, Section, count, escape, line, note, number, paragraph, plot, table
from .report_material import Material, Program, text_of

FORMATS = ("ascribe-evaluation",)
LOW = ("sufficiency", "deletion_auc")  # a faithful attribution has little of these


def section(material: Material) -> Optional[Section]:
    paths = [path for name in FORMATS for path in material.by_kind.get(name, ())]
    if not paths:
        return None
    return Section("evaluation", "Are the attributions faithful?", "".join(map(_file, paths)))


def _file(path: str) -> str:
    Program().run("inspect", path, "--json")  # refuses damaged ones
    try:
        with h5py.File(path, "r") as file:
            return _describe(path, file)
    except (KeyError, OSError, ValueError, TypeError, IndexError) as error:
        raise PrepareError(MALFORMED, quote(path, 200), "a file of 'ascribe evaluate -o'", str(error)) from None


def _describe(path: str, file: h5py.File) -> str:
    parts = [paragraph(
        "Words were taken away, and left alone, in the order of their attributions, in %s of %s rows of %s, and the probability of the predicted class was watched. If the "
        "attributions are faithful, it falls sooner than in a random order when the first words go, and comes back sooner when they return."
        % (count(int(file.attrs["n_evaluated"])), count(int(file.attrs["n_rows"])), escape(path)))]
    across = file["curves/fractions"][:].tolist()
    for name, title in (("deletion", "words taken away"), ("insertion", "words put back")):
        parts.append(_curves(across, file["curves/" + name][:], file["curves/random_" + name][:], title))
    parts.append(_table(file))
    parts.append(note("Random: the mean over random orders of the same rows. Difference with its 95 % interval, rows as the sample; better: the interval lies on the right side of 0. "
                      "Masked texts are unlike what the model was trained on: the random order shows how much of a number comes from that alone."))
    return "".join(parts)


def _curves(fractions: List[float], own: np.ndarray, random: np.ndarray, title: str) -> str:
    across, up = Scale(0, 100), Scale(0, 1)
    content = ""
    for values, kind in ((own, "curve"), (random, "other")):
        points = [(100 * x, float(y)) for x, y in zip(fractions, values) if np.isfinite(y)]
        content += line(points, across, up, kind)
    return plot(content, across, up, ("% of " + title, "probability of the predicted class. Solid blue: in the order of the attributions; dashed orange: in random order"),
                "Probability of the predicted class against the share of %s, in the order of the attributions and in random order" % title)


def _table(file: h5py.File) -> str:
    names = [text_of(name) for name in file["all/metric"][:]]
    columns = {name: {what: file["all/%s/%s" % (name, what)][:] for what in ("mean", "ci_low", "ci_high")} for name in ("attribution", "random", "difference")}
    body: List[Tuple[str, ...]] = []
    for i, name in enumerate(names):
        own, random, difference = (float(columns[which]["mean"][i]) for which in ("attribution", "random", "difference"))
        if not np.isfinite(own):
            continue
        low, high = (float(columns["difference"][end][i]) for end in ("ci_low", "ci_high"))
        is_low = name.startswith(LOW)
        verdict = "better" if (high < 0 if is_low else low > 0) else '<span class="wrong">worse</span>' if (low > 0 if is_low else high < 0) else "no difference"
        body.append((escape(name), "low" if is_low else "high", number(own), number(random), number(difference, 3, True),
                     "%s \u2026 %s" % (number(low, 2, True), number(high, 2, True)), verdict))
    return table(("metric", "faithful", "attributions", "random", "difference", "interval", ""), body, "Faithfulness", numbers_from=2)
