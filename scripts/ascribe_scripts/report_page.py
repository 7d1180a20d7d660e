"""The page around the sections: one file that asks for nothing, and runs no script but its own.

The page forbids itself the network (a content security policy without any source), and names its script by its hash, so
that nothing in the data can run even if it got past the escaping.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from typing import Any, Dict, Sequence

from . import __version__
from .report_charts import Section, escape, switch, visible
from .report_material import Material

_ASSETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "report_assets")
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_PATTERN = re.compile("[<>&\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="ascribe {version}">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<a class="skip" href="#main">To the contents</a>
<header>
<h1>{title}</h1>
<div class="bar">{control}<button type="button" id="theme" aria-pressed="false">Dark</button></div>
<nav aria-label="sections"><ul>{links}</ul></nav>
</header>
<main id="main">
<noscript><p class="note">Without JavaScript the table of all words, the single rows and the pictures of attention and weights are missing, and only one class is shown.</p></noscript>
{sections}
</main>
<footer><p>Made by ascribe {version}. This page holds all that it shows: it loads nothing and sends nothing.</p></footer>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def embedded(value: Any) -> str:
    """JSON that can stand in a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _PATTERN.sub(lambda match: _ESCAPES[match.group()], _SURROGATE.sub("\ufffd", text))


def _asset(name: str) -> str:
    with open(os.path.join(_ASSETS, name), encoding="utf-8") as file:
        return file.read()


def page(sections: Sequence[Section], material: Material, title: str) -> str:
    script = _asset("report.js")
    names = {key: visible(material.class_names[at]) for key, at in material.panel_keys()} if material.class_names else {}
    control = switch("class", "Towards class", list(names.items())) if names else ""
    if names:
        chosen = 'value="%s"' % material.key
        control = control.replace(chosen, chosen + " selected")
    data: Dict[str, Any] = {"classes": names, "shown": material.key if names else "", "output": material.settings.get("output", "") if names else ""}
    data.update({section.name: section.data for section in sections if section.data is not None})
    return PAGE.format(
        hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        version=__version__,
        title=escape(title),
        css=_asset("report.css"),
        control=control,
        links="".join('<li><a href="#%s">%s</a></li>' % (section.name, escape(section.title)) for section in sections),
        sections="\n".join(
            '<section id="%s" aria-labelledby="%s-title"><h2 id="%s-title">%s</h2>\n%s\n</section>' % (section.name, section.name, section.name, escape(section.title), section.html)
            for section in sections),
        data=embedded(data),
        script=script,
    )
