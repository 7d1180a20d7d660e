"""The one exception that reaches the user, and the exit codes it carries (sysexits' numbers)."""

from __future__ import annotations

USAGE = 64
MALFORMED = 65
NO_INPUT = 66
UNAVAILABLE = 69
OUR_BUG = 70
OS_RESOURCE = 71
NO_OUTPUT = 73
IO_ERROR = 74
DIFFERENT_RUN = 78


class PrepareError(Exception):
    """Names the thing, what was expected, what was found, and what to do about it, in one line."""

    def __init__(self, code: int, what: str, expected: str = "", found: str = "", hint: str = ""):
        super().__init__(what)
        self.code = code
        self.what = what
        self.expected = expected
        self.found = found
        self.hint = hint

    def __str__(self) -> str:
        parts = []
        if self.expected:
            parts.append("expected " + self.expected)
        if self.found:
            parts.append("found " + self.found)
        line = self.what + (": " + ", ".join(parts) if parts else "")
        if self.hint:
            line += "; " + self.hint
        return " ".join(line.split())


def quote(value: object, limit: int = 60) -> str:
    """A value as it may stand in a message: printable, one line, at most `limit` characters."""
    text = str(value)
    if len(text) > limit:
        text = text[: limit - 3] + "..."
    return ascii(text) if not text.isprintable() else "'" + text + "'"


def listing(names: list, limit: int = 20) -> str:
    """Names for a message, cut after `limit`."""
    shown = ", ".join(quote(name, 30) for name in names[:limit])
    return shown + (", ... (%d in all)" % len(names) if len(names) > limit else "")
