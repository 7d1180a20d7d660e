"""How two runs differ, as `ascribe compare --json` says."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from .report_charts import Section, count, escape, facts, note, number, paragraph, table, word
from .report_material import Material

N_WORDS = 25


def section(material: Material) -> Optional[Section]:
    parts = []
    if material.comparison is not None:
        parts += _words(material.comparison)
    if material.faithfulness is not None:
        parts += _faithfulness(material.faithfulness)
    return Section("compare", "Two runs compared", "".join(parts)) if parts else None


def _sides(comparison: Dict[str, Any]) -> str:
    return facts([(side.upper(), "%s, %s rows" % (escape(comparison[side]), count(comparison["rows_" + side]))) for side in ("a", "b")])


def _words(comparison: Dict[str, Any]) -> List[str]:
    paired = comparison.get("rows_paired", 0)
    test = ("rows of A and B taken one by one, the same %s on both sides" % count(paired) if paired
            else "Welch\u2019s test with the rows of A and B as independent samples; on the same rows it is cautious")
    parts = [_sides(comparison), _outputs(comparison["outputs"])]
    parts += [_class(one) for one in comparison["classes"]]
    parts.append(note("Difference: B \u2212 A of mean phi. q: %s, after Benjamini and Hochberg over the words of both. "
                      "Stability index (PSI): above 0.2 is often called a shift; with few rows it is large by chance. Words with %s occurrences or more on both sides."
                      % (test, escape(comparison["statistics"]["min_count"]))))
    return parts


def _faithfulness(comparison: Dict[str, Any]) -> List[str]:
    how = ("row by row over the %s rows of both" % count(comparison["rows_shared"]) if comparison["paired"]
           else "as two independent samples, because they are of different datasets or share fewer than half of the smaller side\u2019s rows")
    parts = ["<h3>Faithfulness</h3>", _sides(comparison),
             paragraph("Compared %s. <b>%s</b> metrics got worse (q \u2264 0.05)." % (how, count(comparison["n_worse"])))]
    for which, caption in (("score", "Faithfulness of the attributions"), ("gain", "What they have more than random orders of the same rows")):
        body = [_metric(line, line[which]) for line in comparison["faithfulness"] if line[which]["mean_a"] is not None or line[which]["mean_b"] is not None]
        parts.append(table(("metric", "faithful", "A", "B", "B \u2212 A", "95 % interval", "q", ""), body, caption, numbers_from=2))
    parts.append(note("better, worse: q up to 0.05, after Benjamini and Hochberg over the metrics, which are not independent. The second table sets aside how much the two models react "
                      "to any masking."))
    return parts


def _metric(line: Dict[str, Any], shift: Dict[str, Any]) -> Tuple[str, ...]:
    difference, q = shift["difference"], shift["q_value"]
    verdict = "no difference"
    if q is not None and q <= 0.05:
        verdict = "better" if (difference > 0) == line["higher_is_better"] else '<span class="wrong">worse</span>'
    return (escape(line["metric"]), "high" if line["higher_is_better"] else "low", number(shift["mean_a"]), number(shift["mean_b"]), "<b>%s</b>" % number(difference, 3, True),
            "%s \u2026 %s" % (number(shift["ci_low"], 2, True), number(shift["ci_high"], 2, True)), number(q, 2), verdict)


def _outputs(lines: List[Dict[str, Any]]) -> str:
    body = [(word(one["class"]), number(one["score_a"]), number(one["score_b"]), number(one.get("difference"), 3, True), number(one.get("p_value"), 2),
             number(one["share_a"]), number(one["share_b"]), number(one["stability_index"])) for one in lines]
    return table(("class", "mean score A", "B", "B \u2212 A", "p", "share predicted A", "B", "PSI"), body, "Outputs")


def _class(one: Dict[str, Any]) -> str:
    moved = [(word(line["word"]), number(line.get("mean_a"), 3, True), number(line.get("mean_b"), 3, True), "<b>%s</b>" % number(line["difference"], 3, True),
              number(line.get("q_value"), 2), "%s, %s" % (line.get("count_a", ""), line.get("count_b", ""))) for line in one["words"][:N_WORDS]]
    parts = ["<h3>Towards %s</h3>" % word(one["class"]),
             paragraph("Do words keep their order of mean |phi|? Rank correlation over the %s words of both: Spearman <b>%s</b>, Kendall <b>%s</b>. %s words moved (q \u2264 0.05)."
                       % (count(one["n_common"]), number(one["spearman"]), number(one["kendall"]), count(one["n_moved"])))]
    parts.append(table(("word", "mean phi A", "B", "B \u2212 A", "q", "counts"), moved, "Top movers, the least likely by chance first") if moved else "")
    for name, key in (("A", "only_a"), ("B", "only_b")):
        if one[key]:
            parts.append(paragraph("Often enough in %s only: %s" % (name, ", ".join(map(word, one[key][:N_WORDS])))))
    return "".join(parts)
