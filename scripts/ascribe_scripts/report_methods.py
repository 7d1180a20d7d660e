"""What the numbers of this very run mean and do not mean, in plain words."""

from __future__ import annotations

from typing import Dict, List, Optional

from .report_charts import Section, escape, word
from .report_material import Material

OUTPUTS = {
    "logit": "the logit of a class: the number in front of the softmax or sigmoid. It has no unit and is not a probability; 0 means nothing special.",
    "probability": "the probability of a class, from 0 to 1. Near 0 and 1 even strong words move it little.",
    "logodds": "the log-odds of a class: log(p / (1 \u2212 p)). 0 is a probability of one half.",
}
POLICIES = {
    "remove": "left out: the model cannot attend to it, the other words keep their positions",
    "delete": "deleted: the input gets shorter and the words behind move up",
    "mask": "replaced by the mask token; the length stays",
    "pad": "replaced by the padding token; the length stays",
    "unk": "replaced by the unknown token; the length stays",
}
METHODS = {
    "shapley": "Shapley values: a word\u2019s attribution is how much the output changes when the word joins, averaged over all ways to take part of the other words. "
               "A row\u2019s attributions add up to output \u2212 base value.",
    "occlusion": "occlusion (leave one out): a word\u2019s attribution is how much the output falls when this word alone is absent. They do not add up to output \u2212 base value: of two words "
                 "that say the same, both can get nothing.",
    "lime": "LIME: the coefficients of a weighted ridge regression from absent words to the output, around this row. They add up, with the intercept, to the local prediction, not to the output.",
}
ESTIMATORS = {
    "auto": "Rows of few words are exact (every coalition was evaluated, standard error 0); longer ones are estimated by a weighted regression from a sample of coalitions (KernelSHAP).",
    "exact": "Every coalition was evaluated: nothing is sampled.",
    "wls": "They are estimated by a weighted regression from a sample of coalitions (KernelSHAP).",
    "shap": "They are estimated as shap\u2019s KernelExplainer does; it has no standard errors.",
    "permutation": "They are averages over random orders of the words, each walked there and back.",
}


def section(material: Material) -> Optional[Section]:
    if not material.global_path:
        return None
    settings = material.settings
    parts = ["<h3>What was asked</h3>", _asked(settings), "<h3>What the numbers mean</h3>", _means(material), "<h3>What they do not mean</h3>", _means_not(material)]
    return Section("methods", "What these numbers mean, and what not", "".join(parts))


def _list(items: List[str]) -> str:
    return "<ul>%s</ul>" % "".join("<li>%s</li>" % item for item in items)


def _asked(settings: Dict[str, str]) -> str:
    method, estimator, policy, output = (settings.get(name, "") for name in ("method", "estimator", "policy", "output"))
    items = ["Explained is %s" % escape(OUTPUTS.get(output, output)),
             "A word that is \u201cabsent\u201d was %s (policy <b>%s</b>). The <b>base value</b> is the output with every word absent. The model has not been trained on such inputs: "
             "another policy asks another question, and conclusions that depend on the choice are weak." % (escape(POLICIES.get(policy, policy)), escape(policy)),
             "The method is %s" % escape(METHODS.get("shapley" if method == "kernelshap" else method, method))]
    if method in ("shapley", "kernelshap"):
        items.append(escape(ESTIMATORS.get(estimator, estimator)) + " Budget a row: <b>%s</b> coalitions." % escape(settings.get("budget", "")))
    items.append("Features are of the kind <b>%s</b>; where this page says \u201cword\u201d it means a feature." % escape(settings.get("features", "")))
    return _list(items)


def _means(material: Material) -> str:
    items = [
        "<b>phi</b> towards a class: positive, the word moved the output of that class up in that row; negative, down. Each class has its own.",
        "<b>Mean phi</b>: which way, over all occurrences. <b>Mean |phi|</b>: how far, whichever way. Large beside a mean near 0: the effect depends on what stands around the word.",
        "<b>95 % interval</b>: where the mean of many more rows like these would be expected, 19 times in 20. The rows are the sample; sampling noise of the coalitions is in it.",
        "<b>q</b>: thousands of words are tested at once. Of the words called \u201cnot 0\u201d at q \u2264 0.05 about one in 20 or fewer is expected to be none.",
        "<b>Standard error</b> of one attribution: how far sampling of coalitions may have moved it. It does not say whether the model is right or the masking fair.",
    ]
    return _list(items)


def _means_not(material: Material) -> str:
    items = [
        "They are about this model, on this dataset. Other data, other means.",
        "They are no causes in the world, and no proof of fairness: a word may act through others that go with it, and what is not a word (length, order, style) shows up in the words.",
        "A share hides context: \u201cnot good\u201d is two words whose shares make sense only together.",
        "A word that never appears, or that truncation took away, cannot be important here. Rows with a status may have no attributions, or only some.",
        "An attribution smaller than two standard errors may have either sign.",
        "Not 0 is not important, and important is not wrong: whether a word should matter is for people to say.",
    ]
    return _list(items)
