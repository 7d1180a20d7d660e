"""Single rows: their texts with every word's attribution, and how the output comes about."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

import ascribe_results

from .errors import USAGE, PrepareError
from .report_charts import Section, count, escape, note, paragraph, visible
from .report_material import Material

MOST_FEATURES = 1500  # of a row in the text, from its beginning
MOST_WORD = 80  # letters of a feature in a list
MOST_STRONG = 15  # beside these
MOST_VALUES = 120_000  # phi of all rows on the page
MOST_PIECE = 4000  # letters of a feature, or between two
MOST_LETTERS = 1_500_000  # of all rows on the page
N_WORDS_WITH_EXAMPLES = 15

CHOSEN, WRONG, SURE, EXAMPLE = "chosen", "wrong", "confident", "example"
REASONS = (
    (CHOSEN, "chosen", "asked for with --rows"),
    (WRONG, "wrong", "predicted wrong, the highest score first"),
    (SURE, "most confident", "predicted right or unlabelled, the highest score first, all classes in turn"),
    (EXAMPLE, "examples", "where one of the most important words moves the output least or most"),
)


class Pick(NamedTuple):
    place: int  # in the survey
    reason: str


class Budget(NamedTuple):
    """Of one row."""

    n_values: int
    n_letters: int


def section(material: Material) -> Optional[Section]:
    if not material.results:
        return None
    picks = choose(material)
    budget = Budget(max(100, MOST_VALUES // max(1, len(picks))), max(2000, MOST_LETTERS // max(1, len(picks))))
    rows = [_describe(material, pick, budget) for pick in picks]
    buttons = "".join(
        '<button type="button" data-reason="%s" aria-pressed="false" title="%s">%s</button>' % (reason, escape(hint), escape(name))
        for reason, name, hint in REASONS if any(pick.reason == reason for pick in picks))
    hints = "; ".join("<b>%s</b>: %s" % (escape(name), escape(hint)) for reason, name, hint in REASONS if any(pick.reason == reason for pick in picks))
    html = (
        paragraph("%s of %s rows. %s." % (count(len(rows)), count(len(material.survey.row)), hints))
        + '<div class="tools" role="group" aria-label="which rows"><button type="button" data-reason="" aria-pressed="true">all</button>%s</div>' % buttons
        + '<div id="rows-list"></div>'
        + note('A word\u2019s colour says how far it moved the output, as a share of the row\u2019s strongest word. <span class="pos-word">Blue, underlined</span>: towards the class; '
               '<span class="neg-word">orange, wavy line</span>: away from it. Numbers stand at strong words; all of them in each row\u2019s table.'))
    return Section("rows", "Rows", html, {"rows": rows, "adds_up": adds_up(material.results[0].method)})


def adds_up(method: str) -> bool:
    """Whether attributions add up to output - base value."""
    return method in ("shapley", "kernelshap")


# ---- Which rows ----


def choose(material: Material) -> List[Pick]:
    """At most --max-rows: those asked for, then wrong, sure and example rows, a third of the rest each; what one leaves the others take."""
    survey, most = material.survey, material.options.max_rows
    for row in material.options.rows:
        if row >= len(survey.row):
            raise PrepareError(USAGE, "--rows", "numbers below %d" % len(survey.row), str(row))
    picks = {place: Pick(place, CHOSEN) for place in material.options.rows[:most]}
    lists = [(WRONG, _wrong(material)), (SURE, _sure(material)), (EXAMPLE, _examples(material))]
    for passes in range(2):
        share = -(-(most - len(picks)) // len(lists)) if passes == 0 else most
        for reason, places in lists:
            n_kept = 0
            for place in places:
                if len(picks) >= most or n_kept >= share:
                    break
                n_kept += place not in picks
                picks.setdefault(place, Pick(place, reason))
    order = [reason for reason, _, _ in REASONS]
    return sorted(picks.values(), key=lambda pick: order.index(pick.reason))


def _surest(material: Material, keep: np.ndarray) -> List[int]:
    survey = material.survey
    places = np.flatnonzero(keep & np.isfinite(survey.score) & (survey.n_features > 0))
    return places[np.argsort(-survey.score[places], kind="stable")][: material.options.max_rows].tolist()


def _wrong(material: Material) -> List[int]:
    return _surest(material, material.survey.right == 0)


def _sure(material: Material) -> List[int]:
    """The surest of every class in turn."""
    survey = material.survey
    lists = [_surest(material, (survey.right != 0) & (survey.prediction == at)) for at in material.classes]
    return [places[i] for i in range(max(map(len, lists), default=0)) for places in lists if i < len(places)]


def _examples(material: Material) -> List[int]:
    ids = np.concatenate([result._file["rows/id"][:] for result in material.results])
    order = np.argsort(ids, kind="stable")
    wanted = [line[name] for line in material.tables[material.first_class]["words"][:N_WORDS_WITH_EXAMPLES] for name in ("min_row", "max_row")]
    at = np.searchsorted(ids[order], np.array(wanted, np.uint64))
    return [int(order[i]) for i, row_id in zip(at, wanted) if i < len(ids) and int(ids[order[i]]) == row_id]


# ---- What the script gets of a row ----


def _numbers(values: Iterable[float]) -> List[Optional[float]]:
    return [float("%.4g" % value) if np.isfinite(value) else None for value in values]


def _describe(material: Material, pick: Pick, budget: Budget) -> Dict[str, Any]:
    survey = material.survey
    file, number = int(survey.file[pick.place]), int(survey.row[pick.place])
    row = material.results[file][number]
    targets = [(column, at) for column, at in enumerate(row.column("targets").tolist()) if at in material.classes]
    columns = [column for column, _ in targets]
    texts, features, shown = _pieces(row, min(MOST_FEATURES, max(20, budget.n_values // max(1, 2 * len(columns)))), budget.n_letters)
    values, errors, words = row.values, row.std_errors, row.words
    strong = _strong(values, columns, set(shown))
    kept = shown + strong
    places = {feature: i for i, feature in enumerate(kept)}
    label = row.label
    return {
        "file": file if len(material.results) > 1 else None,
        "number": number,
        "id": str(int(row.column("rows/id"))),
        "key": visible(row.id),
        "reason": pick.reason,
        "label": None if label is None else visible(", ".join(label) if isinstance(label, list) else label),
        "prediction": None if row.prediction is None else visible(row.prediction),
        "score": _numbers([survey.score[pick.place]])[0],
        "right": int(survey.right[pick.place]),
        "status": row.status,
        "classes": [str(at) for _, at in targets],
        "base": _numbers(row.base_value[columns]),
        "output": _numbers(row.output[columns]),
        "total": _numbers(np.nansum(values[:, columns].astype(np.float64), axis=0)),
        "n_features": len(words),
        "texts": texts,
        "features": [places.get(feature, feature) for feature in features],
        "n_shown": len(shown),
        "words": [visible(words[feature] if len(words[feature]) <= MOST_WORD else words[feature][: MOST_WORD - 1] + "\u2026") for feature in kept],
        "phi": [_numbers(values[kept, column]) for column in columns],
        "error": [_numbers(errors[kept, column]) for column in columns],
    }


PART, GAP = -2, -1


def _pieces(row: ascribe_results.Row, most: int, n_letters: int) -> Tuple[List[str], List[int], List[int]]:
    """The text up to its `most`th feature or `n_letters`: pieces, the feature of each (GAP, PART: a second text begins), and the features in order."""
    texts: List[str] = []
    features: List[int] = []
    shown: Dict[int, None] = {}
    last_part = 0
    for part, feature, text in row.segments or [(0, i, word + " ") for i, word in enumerate(row.words)]:
        if feature is not None and feature not in shown:
            if len(shown) >= most or n_letters < 0:
                break
            shown[feature] = None
        if part != last_part:
            texts.append("")
            features.append(PART)
        last_part = part
        n_letters -= len(text)
        texts.append(visible(text if len(text) <= MOST_PIECE else text[:MOST_PIECE] + "\u2026"))
        features.append(GAP if feature is None else feature)
    return texts, features, list(shown)


def _strong(values: np.ndarray, columns: Sequence[int], shown: set) -> List[int]:
    """The strongest features that are not among those shown."""
    if len(shown) == len(values) or not columns:
        return []
    size = np.nan_to_num(np.abs(values[:, columns]), nan=-1).max(axis=1)
    order = [int(feature) for feature in np.argsort(-size, kind="stable")[: MOST_STRONG + len(shown)]]
    return [feature for feature in order if feature not in shown][:MOST_STRONG]
