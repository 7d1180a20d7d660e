"""A look inside the model: files of `ascribe probe` (`ascribe-probe`).

Tables and lines stand in the page; the script draws what has thousands of cells, matrices and attention, from letters: one for each cell.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

import ascribe_probe

from .errors import MALFORMED, USAGE, PrepareError, quote
from .report_charts import Section, count, escape, facts, line, note, number, panels, paragraph, plot, scale_of, switch, table, visible, word
from .report_material import Material, Program

FORMATS = ("ascribe-probe",)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # as in report.js: the square root of a share, in 63rds
MOST_MAPS = 4000  # cells of all maps of heads
MOST_WHOLE = 6  # rows
MOST_TOKENS = 48  # of a row
MOST_ATTENTION = 600_000  # letters of all rows
MOST_CLASSES = 6
N_TOKENS = 12  # for and against a class
N_EXAMPLES = 4  # of a neuron

MAPS = (
    ("ablation/logit_change_abs", "change of the predicted logit when switched off (mean size)"),
    ("ablation/loss_change", "change of the loss when switched off"),
    ("ablation/flips", "share of rows predicted otherwise when switched off"),
    ("attention/entropy", "entropy of its attention (nats)"),
    ("attention/to_first", "attention to the first token"),
    ("attention/to_last", "attention to the last token"),
    ("attention/to_self", "attention to the same token"),
    ("attention/to_previous", "attention to the token before"),
    ("attention/to_next", "attention to the token behind"),
    ("heads/ov_frobenius", "size of what it moves (W_O W_V)"),
    ("heads/ov_effective_rank", "effective rank of what it moves"),
    ("heads/qk_effective_rank", "effective rank of what it looks for (W_Q\u2032 W_K)"),
)


def section(material: Material) -> Optional[Section]:
    paths = [path for name in FORMATS for path in material.by_kind.get(name, ())]
    if not paths:
        return None
    if len(paths) > 1:
        raise PrepareError(USAGE, "arguments", "one file of 'ascribe probe' at most", "%d" % len(paths))
    Program().run("inspect", paths[0], "--json")  # refuses damaged ones
    try:
        with ascribe_probe.load(paths[0]) as probe:
            return _describe(probe)
    except (KeyError, OSError, ValueError, TypeError, IndexError) as error:
        raise PrepareError(MALFORMED, quote(paths[0], 200), "a file of 'ascribe probe -o'", str(error)) from None


def _describe(probe: ascribe_probe.Probe) -> Section:
    matrices, rows = _matrices(probe), _whole_rows(probe)
    parts = [_facts(probe), "<h3>Heads</h3>", _heads(probe)]
    if probe.has("hidden/norm_mean"):
        parts += ["<h3>Hidden states</h3>", _hidden(probe)]
    if rows:
        parts += ["<h3>Attention in single rows</h3>", _attention(probe, rows)]
    if probe.has("top_neurons"):
        parts += ["<h3>Neurons that are most active</h3>", _neurons(probe)]
    parts += ["<h3>Weights</h3>", _weights(probe, matrices), "<h3>Tokens and classes</h3>", _directions(probe)]
    return Section("inside", "Inside the model", "".join(parts), {"matrices": matrices, "rows": rows, "n_blocks": probe.n_blocks, "n_heads": probe.n_heads})


def _facts(probe: ascribe_probe.Probe) -> str:
    f = probe.facts
    pairs = [("model", escape(f["architecture"])), ("blocks", "%d of %d heads, %s wide, %s neurons" % (f["n_blocks"], f["n_heads"], count(f["n_hidden"]), count(f["n_ffn"])))]
    if f["n_rows"]:
        pairs += [("rows", "%s (%s left out), %s tokens" % (count(f["n_rows"]), count(f["n_skipped"]), count(f["n_tokens"]))),
                  ("heads switched off on", "%s rows, %s of them with a loss" % (count(f["n_ablated"]), count(f["n_with_loss"]))), ("computed by", escape("%s, %s" % (f["backend"], f["precision"])))]
    return facts(pairs)


# ---- Heads, hidden states ----


def _heads(probe: ascribe_probe.Probe) -> str:
    found = [(name, title, probe.heads(name)) for name, title in MAPS if probe.has(name)]
    found = [one for one in found if np.isfinite(one[2]).any()][: max(1, MOST_MAPS // (probe.n_blocks * probe.n_heads))]
    contents = [(name, _map(values)) for name, _, values in found]
    return (switch("heads", "Shown", [(name, title) for name, title, _ in found]) + panels("heads", contents, found[0][0])
            + note("A line for a block, from the input up; a column for a head. The stronger the colour, the larger; orange and underlined: below 0. "
                   "Attention that is large at a head says where it looks, not that the prediction depends on it: that is what switching it off shows."))


def _map(values: np.ndarray) -> str:
    largest = max(float(np.nanmax(np.abs(values))), 1e-300)
    low = max(0.0, float(np.nanmin(values)))
    span = max(largest - low, 1e-300)

    def cell(value: float) -> str:
        share = abs(value) / largest if low == 0 else (value - low) / span
        return '<td%s style="--a:%.2f">%s</td>' % (' class="neg"' if value < 0 else "", 0.85 * share if np.isfinite(share) else 0, number(value, 2))

    head = "".join('<th scope="col">%d</th>' % h for h in range(values.shape[1]))
    body = "".join('<tr><th scope="row">%d</th>%s</tr>' % (b, "".join(map(cell, values[b].tolist()))) for b in range(len(values)))
    return ('<div class="wide" tabindex="0" role="region" aria-label="table of heads"><table class="map"><thead><tr><th scope="col"><span>block, head</span></th>%s</tr></thead>'
            '<tbody>%s</tbody></table></div>' % (head, body))


def _hidden(probe: ascribe_probe.Probe) -> str:
    mean, std = probe.hidden("norm_mean"), probe.hidden("norm_std")
    norms = [mean, mean - std, mean + std] if np.isfinite(std).all() else [mean]
    similar = [probe.hidden("cosine_before"), probe.hidden("cosine_tokens")]
    one = _lines(norms, ("curve", "other", "other"), "norm of the hidden states: mean over tokens, dashed: a standard deviation above and below",
                 "Mean norm of the hidden states of every depth")
    other = _lines(similar, ("curve", "other"), "cosine. Solid blue: to the same token a block earlier; dashed orange: of two tokens of a row",
                   "Cosines of hidden states of every depth")
    return '<div class="columns"><div>%s</div><div>%s</div></div>' % (one, other) + note(
        "Depth 0 is behind the embeddings, depth b behind the b-th block. Near 1 to a block earlier: the block changes little. Near 1 between tokens: the states of all tokens look alike.")


def _lines(curves: Sequence[np.ndarray], kinds: Sequence[str], label: str, description: str) -> str:
    across, up = scale_of([0, len(curves[0]) - 1]), scale_of([float(y) for curve in curves for y in curve])
    content = "".join(
        line([(x, float(y)) for x, y in enumerate(curve) if np.isfinite(y)], across, up, kind) for curve, kind in zip(curves, kinds))
    return plot(content, across, up, ("depth", label), description, 180)


# ---- Letters ----


def _letters(shares: np.ndarray) -> str:
    """A letter for each value in 0 ... 1."""
    codes = np.rint(63 * np.sqrt(np.clip(np.nan_to_num(shares.ravel()), 0, 1))).astype(int)
    return "".join(LETTERS[code] for code in codes)


# ---- Attention ----


def _whole_rows(probe: ascribe_probe.Probe) -> List[Dict[str, Any]]:
    n = min(probe.n_whole, MOST_WHOLE)
    found = []
    for i in range(n):
        row = probe.whole(i)
        shown = min(len(row.tokens), MOST_TOKENS)
        part = row.attention[:, :, :shown, :shown]
        mean = row.attention.mean(axis=1, keepdims=True)[:, :, :shown, :shown]
        with_heads = part.size + mean.size <= MOST_ATTENTION // n
        found.append({"id": str(row.row_id), "n_tokens": len(row.tokens), "tokens": [visible(probe.token(int(token))) for token in row.tokens[:shown]],
                      "attention": _letters(np.concatenate([mean, part], axis=1) if with_heads else mean), "n_maps": 1 + with_heads * probe.n_heads,
                      "rollout": _rounded(row.rollout[:shown]), "flow": None if row.flow is None else _rounded(row.flow[:shown, -1])})
    return found


def _rounded(values: np.ndarray) -> List[float]:
    return [float("%.3g" % value) if np.isfinite(value) else 0.0 for value in values]


def _attention(probe: ascribe_probe.Probe, rows: List[Dict[str, Any]]) -> str:
    control = ('<div class="tools" id="attention-tools"></div><div class="wide" id="attention-map" tabindex="0" role="region" aria-label="attention from token to token"></div>')
    shares = panels("attention-row", [(str(i), _shares(row)) for i, row in enumerate(rows)], "0")
    shown = "" if probe.n_whole <= MOST_WHOLE else " Shown are %d of %d rows." % (MOST_WHOLE, probe.n_whole)
    return (control + note("A line looks at its columns. The strength of a colour is the root of the share: a quarter looks half as strong as all. A line adds up to 1, unless the row is cut to its first %d tokens.%s" % (MOST_TOKENS, shown))
            + shares + note("How much of the first token\u2019s final state comes from each token, were attention all that mattered. Rollout multiplies attention through the blocks; flow is the largest "
                            "amount that fits through them when every connection carries its attention at most (Abnar and Zuidema, 2020). Neither looks at values or at the class: "
                            "attributions do."))


def _shares(row: Dict[str, Any]) -> str:
    def cell(value: float, values: List[float]) -> str:
        return '<span class="share" style="--a:%.2f">%s</span>' % (0.85 * value / max(values) if max(values) > 0 else 0, number(value, 2))

    flow = row["flow"]
    lines = [(word(token, 24), cell(row["rollout"][i], row["rollout"]), cell(flow[i], flow) if flow else "\u2013") for i, token in enumerate(row["tokens"])]
    return '<details><summary>Rollout and flow of row id %s</summary>%s</details>' % (escape(row["id"]), table(("token", "rollout", "flow"), lines))


# ---- Neurons ----


def _neurons(probe: ascribe_probe.Probe) -> str:
    contents = [(str(block), _block(probe, block)) for block in range(probe.n_blocks)]
    return (switch("neurons", "Block", [(key, key) for key, _ in contents]) + panels("neurons", contents, "0")
            + note("The neurons of the block\u2019s inner layer with the largest activations, and of each the rows where it is most active: the token in bold, and those around it. A list like this "
                   "suggests what a neuron answers to; it shows only the extreme end, and one neuron may answer to several things."))


def _block(probe: ascribe_probe.Probe, block: int) -> str:
    lines = []
    for neuron in probe.top_neurons(block):
        examples = "".join("<li>%s</li>" % _example(probe, row) for row in neuron.rows[:N_EXAMPLES])
        if examples:
            lines.append((str(neuron.number), number(neuron.rows[0].activation), '<ol class="examples">%s</ol>' % examples))
    return table(("neuron", "largest", "where (row id, activation)"), lines, numbers_from=3) if lines else paragraph("No row went through the model.")


def _example(probe: ascribe_probe.Probe, row: ascribe_probe.NeuronRow) -> str:
    pieces = []
    for i, token in enumerate(row.context):
        name = probe.token(token)
        glued = name.startswith("##") and i != row.middle and i != row.middle + 1
        text = escape(name[2:] if glued else name)
        pieces.append(("" if glued or i == 0 else " ") + ('<b class="here">%s</b>' % text if i == row.middle else text))
    return '<bdi>%s</bdi> <small>(%d, %s)</small>' % ("".join(pieces), row.row_id, number(row.activation))


# ---- Weights ----


def _matrices(probe: ascribe_probe.Probe) -> List[Dict[str, Any]]:
    """For the script: the bins from the first that is not empty to the last, as shares of the fullest; heat as shares of the largest."""
    found = []
    for matrix in probe.matrices():
        full = np.flatnonzero(matrix.bins)
        first, last = (int(full[0]), int(full[-1])) if len(full) else (0, 0)
        bins = matrix.bins[first : last + 1].astype(float)
        one = {"name": visible(matrix.name), "first": first, "bins": _letters(bins / max(bins.max(), 1)), "most": int(bins.max()), "heat": None}
        if matrix.heat is not None and np.isfinite(matrix.heat).any():
            largest = float(np.nanmax(matrix.heat))
            one.update(heat=_letters(matrix.heat / max(largest, 1e-300)), across=matrix.heat.shape[1], largest=float("%.3g" % largest), shape=list(matrix.shape))
        found.append(one)
    return found


def _weights(probe: ascribe_probe.Probe, drawn: List[Dict[str, Any]]) -> str:
    lines = [(word(matrix.name, 80), "%d \u00d7 %d" % matrix.shape, number(matrix.mean, 2, True), number(matrix.std), number(matrix.low), number(matrix.high)) for matrix in probe.matrices()]
    choices = [(str(i), one["name"]) for i, one in enumerate(drawn)]
    return (switch("matrix", "Matrix", choices) + '<div class="columns"><figure class="cells"><div id="matrix-bins"><svg></svg></div><figcaption>How many weights lie in each 128th; the outermost bins '
            'hold all that is beyond \u00b10.5.</figcaption></figure><figure class="cells"><div id="matrix-heat"></div><figcaption id="matrix-note"></figcaption></figure></div>'
            '<details><summary>All matrices</summary>%s</details>' % table(("matrix", "shape", "mean", "standard deviation", "least", "largest"), lines))


def _directions(probe: ascribe_probe.Probe) -> str:
    direction = probe.direction()
    lines: List[Tuple[str, str, str]] = []
    for at, name in list(enumerate(probe.class_names))[:MOST_CLASSES]:
        order = np.argsort(-direction[:, at], kind="stable")
        for kind, tokens in (("for", order[:N_TOKENS]), ("against", order[::-1][:N_TOKENS])):
            lines.append((word(name), kind, " ".join(word(probe.token(int(token)), 24) for token in tokens)))
    return table(("class", "", "tokens"), lines, numbers_from=3) + note(
        "Tokens whose embeddings point most towards a class, and away from it: embedding times the classifier\u2019s direction. A hint only: no context, no activation.")
