"""How two runs differ, as `ascribe compare --json` says."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .report_charts import Section, count, escape, facts, note, number, paragraph, table, word
from .report_material import Material

N_WORDS = 25


def section(material: Material) -> Optional[Section]:
    comparison = material.comparison
    if comparison is None:
        return None
    parts = [facts([("A", "%s, %s rows" % (escape(comparison["a"]), count(comparison["rows_a"]))), ("B", "%s, %s rows" % (escape(comparison["b"]), count(comparison["rows_b"])))])]
    parts.append(_outputs(comparison["outputs"]))
    parts += [_class(one) for one in comparison["classes"]]
    parts.append(note("Difference: B \u2212 A of mean phi. q: Welch\u2019s test with the rows of A and B as independent samples, after Benjamini and Hochberg over the words of both; on the same rows "
                      "it is cautious. Stability index (PSI): above 0.2 is often called a shift; with few rows it is large by chance. Words with %s occurrences or more on both sides."
                      % escape(comparison["statistics"]["min_count"])))
    return Section("compare", "Two runs compared", "".join(parts))


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
