"""Pieces of a report's pages: escaped text, numbers, and charts in HTML and SVG that need no script.

Positions across are percentages, so that a chart fits a phone, a screen and paper with letters of one size.
"""

from __future__ import annotations

import html
import math
import re
from typing import Any, Iterable, List, NamedTuple, Optional, Sequence, Tuple

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_OTHER_CONTROL = re.compile("[\x7f-\x9f\ufffe\uffff]")
# What turns or hides letters: with it two words could look the same, or one like another read backwards.
_UNSEEN = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
MINUS = "\u2212"


class Section(NamedTuple):
    """A part of the page. `data` goes to the script under the section's name."""

    name: str  # letters: the id of its element
    title: str
    html: str
    data: Any = None


def visible(value: object) -> str:
    """Text that HTML and JSON can hold: control characters as their pictures, unseen ones as [U+202E], what is no character as U+FFFD."""
    text = _CONTROL.sub(lambda match: chr(0x2400 + ord(match.group())), str(value))
    text = _UNSEEN.sub(lambda match: "[U+%04X]" % ord(match.group()), text)
    return _OTHER_CONTROL.sub("\ufffd", _SURROGATE.sub("\ufffd", text))


def escape(value: object) -> str:
    """For HTML, between tags and in attributes."""
    return html.escape(visible(value), quote=True)


def word(text: object, limit: int = 48) -> str:
    """A word of the data: whatever its direction, it turns nothing around it."""
    whole = str(text)
    cut = whole if len(whole) <= limit else whole[: limit - 1] + "\u2026"
    return '<bdi class="word">%s</bdi>' % escape(cut if cut.strip() else repr(cut))


def number(value: Optional[float], digits: int = 3, signed: bool = False) -> str:
    """A number for people, with so many digits that count; a dash for none. The script's `number` writes the same."""
    if value is None or not math.isfinite(value):
        return "\u2013"
    size = abs(value)
    if value == 0:
        text = "0"
    elif size < 1e-4:
        text = re.sub(r"e-0*", "e-", "%.*e" % (digits - 1, value))
    else:
        text = "%.*f" % (max(0, digits - 1 - math.floor(math.log10(size))), value)
    return ("+" if signed and value > 0 else "") + text.replace("-", MINUS)


def tick(value: float, signed: bool = False) -> str:
    """A number at an axis."""
    return ("+" if signed and value > 0 else "") + ("%g" % value).replace("-", MINUS)


def count(value: int) -> str:
    """1234567 -> 1,234,567."""
    return "{:,}".format(value)


def percent(part: float, whole: float) -> str:
    return "%.1f %%" % (100 * part / whole) if whole else "\u2013"


def paragraph(text: str) -> str:
    """`text` is HTML."""
    return "<p>%s</p>" % text


def note(text: str) -> str:
    """How to read what stands above; `text` is HTML."""
    return '<p class="note">%s</p>' % text


def table(head: Sequence[str], lines: Iterable[Sequence[str]], caption: str = "", numbers_from: int = 1) -> str:
    """A small table; cells are HTML, those from column `numbers_from` on are aligned as numbers."""

    def cells(tag: str, line: Sequence[str]) -> str:
        kind = ' scope="col"' if tag == "th" else ""
        return "".join(
            '<%s%s%s>%s</%s>' % (tag, kind, ' class="n"' if i >= numbers_from else "", cell, tag)
            for i, cell in enumerate(line)
        )

    title = "<caption>%s</caption>" % caption if caption else ""
    body = "".join("<tr>%s</tr>" % cells("td", line) for line in lines)
    return '<div class="wide" tabindex="0" role="region" aria-label="table"><table>%s<thead><tr>%s</tr></thead><tbody>%s</tbody></table></div>' % (
        title, cells("th", head), body)


def facts(pairs: Iterable[Tuple[str, str]]) -> str:
    """A list of names and values; names are text, values HTML."""
    return '<dl class="facts">%s</dl>' % "".join(
        "<div><dt>%s</dt><dd>%s</dd></div>" % (escape(name), value) for name, value in pairs if value)


def panels(group: str, contents: Sequence[Tuple[str, str]], shown: str) -> str:
    """One of several pieces of HTML at a time: the one whose key the control `data-switch=group` has. With "class" the control is the page's."""
    return "".join(
        '<div data-group="%s" data-key="%s"%s>%s</div>'
        % (escape(group), escape(key), "" if key == shown else " hidden", content)
        for key, content in contents
    )


def switch(group: str, label: str, choices: Sequence[Tuple[str, str]]) -> str:
    """The control of `panels`: (key, name)."""
    options = "".join('<option value="%s">%s</option>' % (escape(key), escape(name)) for key, name in choices)
    return '<label class="switch">%s <select data-switch="%s">%s</select></label>' % (escape(label), escape(group), options)


# ---- Scales ----


class Scale(NamedTuple):
    """From low ... high to percentages."""

    low: float
    high: float

    def at(self, value: float) -> float:
        width = self.high - self.low
        return min(100.0, max(0.0, 100 * (value - self.low) / width)) if width > 0 else 50.0


def scale_of(values: Iterable[float], zero: bool = True) -> Scale:
    """Holds all finite values (and 0), with a little room."""
    finite = [value for value in values if math.isfinite(value)] + ([0.0] if zero else [])
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    room = 0.03 * (high - low)
    return Scale(low - (room if low < 0 or not zero else 0), high + room)


def ticks(scale: Scale, most: int = 5) -> List[float]:
    """Round numbers of the scale."""
    span = scale.high - scale.low
    step = 10.0 ** math.floor(math.log10(span / most)) if span > 0 else 1.0
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= most)
    first = math.ceil(scale.low / step)
    return [round(i * step, 12) for i in range(first, math.floor(scale.high / step) + 1)]


def axis(scale: Scale, signed: bool = False) -> str:
    """Numbers below a chart."""
    marks = "".join(
        '<span style="left:%.4g%%">%s</span>' % (scale.at(value), tick(value, signed)) for value in ticks(scale))
    return '<div class="axis" aria-hidden="true">%s</div>' % marks


# ---- Charts ----


class Bar(NamedTuple):
    name: str  # HTML
    value: float
    low: float  # of the whisker; NaN: none
    high: float
    text: str  # HTML
    negative: bool


def bars(lines: Sequence[Bar], caption: str, name: str, value: str, axis_label: str) -> str:
    """Horizontal bars from 0 with whiskers."""
    scale = scale_of([x for line in lines for x in (line.value, line.low, line.high)])
    zero, body = scale.at(0), []
    for line in lines:
        begin, end = sorted((zero, scale.at(line.value)))
        whisker = ""
        if math.isfinite(line.low) and math.isfinite(line.high):
            whisker = '<i class="whisker" style="left:%.4g%%;width:%.4g%%"></i>' % (
                scale.at(line.low), scale.at(line.high) - scale.at(line.low))
        body.append(
            '<tr><th scope="row">%s</th><td class="track"><i class="fill %s" style="left:%.4g%%;width:%.4g%%"></i>%s</td><td class="n">%s</td></tr>'
            % (line.name, "neg" if line.negative else "pos", begin, end - begin, whisker, line.text))
    return _chart(caption, name, value, axis_label, body, scale)


def swarm(lines: Sequence[Tuple[str, Sequence[Tuple[float, bool]], str]], caption: str, axis_label: str) -> str:
    """A line of dots for each (name as HTML, (value, hollow) of every dot, text); dots that would cover each other are moved up or down."""
    scale = scale_of([value for _, dots, _ in lines for value, _ in dots])
    body = []
    for name, dots, text in lines:
        body.append(
            '<tr><th scope="row">%s</th><td class="track dots"><svg width="100%%" height="34" aria-hidden="true"><line class="zero" x1="%.4g%%" x2="%.4g%%" y1="0" y2="34"/>%s</svg></td><td class="n">%s</td></tr>'
            % (name, scale.at(0), scale.at(0), "".join(_swarm_dots(dots, scale)), text))
    return _chart(caption, "word", "dots", axis_label, body, scale, signed=True)


def _swarm_dots(dots: Sequence[Tuple[float, bool]], scale: Scale) -> Iterable[str]:
    taken: dict = {}
    for value, hollow in sorted(dots):
        column = round(scale.at(value))
        layer = taken[column] = taken.get(column, -1) + 1
        rise = (layer + 1) // 2 * (1 if layer % 2 else -1) * 4 % 31
        kind = ("neg" if value < 0 else "pos") + (" hollow" if hollow else "")
        yield '<circle class="%s" cx="%.1f%%" cy="%d" r="2.5"/>' % (kind, scale.at(value), 2 + (15 + rise) % 31)


def _chart(caption: str, name: str, value: str, axis_label: str, body: Sequence[str], scale: Scale, signed: bool = False) -> str:
    return (
        '<table class="chart"><caption>%s</caption><thead><tr><th scope="col">%s</th><th scope="col" class="t">%s</th><th scope="col" class="n">%s</th></tr></thead><tbody>%s</tbody>'
        '<tfoot><tr><td></td><td class="track">%s</td><td></td></tr></tfoot></table>'
        % (caption, name, axis_label, value, "".join(body), axis(scale, signed)))


def plot(content: str, across: Scale, up: Scale, labels: Tuple[str, str], description: str, height: int = 240) -> str:
    """A frame with both axes; `content`: SVG from `dots`, `line` and the like, in percentages. Labels are HTML."""
    grid = "".join(
        '<line class="grid" x1="0" x2="100%%" y1="%.4g%%" y2="%.4g%%"/>' % ((100 - up.at(value),) * 2) for value in ticks(up))
    names = "".join('<span style="top:%.4g%%">%s</span>' % (100 - up.at(value), tick(value)) for value in ticks(up))
    return (
        '<figure class="plot" role="img" aria-label="%s"><figcaption>%s</figcaption><div class="frame"><div class="up" aria-hidden="true">%s</div>'
        '<svg width="100%%" height="%d" aria-hidden="true">%s%s</svg></div>%s<p class="across">%s</p></figure>'
        % (escape(description), labels[1], names, height, grid, content, axis(across), labels[0]))


def dots(points: Iterable[Tuple[float, float]], across: Scale, up: Scale, kind: str = "dot") -> str:
    return "".join(
        '<circle class="%s" cx="%.1f%%" cy="%.1f%%" r="2"/>' % (kind, across.at(x), 100 - up.at(y)) for x, y in points)


def line(points: Sequence[Tuple[float, float]], across: Scale, up: Scale, kind: str = "curve") -> str:
    """A curve through the points."""
    ends = zip(points, points[1:])
    return "".join(
        '<line class="%s" x1="%.2f%%" y1="%.2f%%" x2="%.2f%%" y2="%.2f%%"/>'
        % (kind, across.at(a), 100 - up.at(b), across.at(c), 100 - up.at(d)) for (a, b), (c, d) in ends)
