"""Progress on standard error: a bar where somebody looks at it, otherwise a line every ten seconds."""

from __future__ import annotations

import sys
import time
from typing import Optional

BAR_WIDTH = 24
BAR_SECONDS = 0.2
LINE_SECONDS = 10.0


class Progress:
    def __init__(self, quiet: bool, total: Optional[int]):
        """`total`: bytes or rows of the input, whatever `update` counts; None: unknown."""
        self._quiet = quiet
        self._total = total
        self._bar = sys.stderr.isatty()
        self._begin = self._shown = time.monotonic()
        self._drawn = False

    def update(self, n_rows: int, n_done: Optional[int]) -> None:
        """Rows done, and what is done of the total (None: unknown)."""
        now = time.monotonic()
        if self._quiet or now - self._shown < (BAR_SECONDS if self._bar else LINE_SECONDS):
            return
        self._shown = now
        text = "%s rows, %s rows/s" % (
            format(n_rows, ","),
            format(round(n_rows / max(now - self._begin, 1e-9)), ","),
        )
        if self._total and n_done is not None:
            part = min(1.0, n_done / self._total)
            text = "%3.0f %%  %s" % (100 * part, text)
            if self._bar:
                filled = round(part * BAR_WIDTH)
                text = "[%s%s] %s" % ("#" * filled, "." * (BAR_WIDTH - filled), text)
        if self._bar:
            sys.stderr.write("\r\x1b[K" + text)
            self._drawn = True
        else:
            sys.stderr.write("ascribe-prepare: " + text + "\n")
        sys.stderr.flush()

    def finish(self) -> None:
        """Removes the bar."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False
