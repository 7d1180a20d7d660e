"""What the three programs share: how they speak, how they parse, and how a failure becomes an exit status."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from typing import Any, Callable

from .errors import IO_ERROR, OS_RESOURCE, OUR_BUG, USAGE, PrepareError


def say(name: str, message: str) -> None:
    """A line on standard error that names the program."""
    sys.stderr.write("%s: %s\n" % (name, message))


class Parser(argparse.ArgumentParser):
    """Wrong usage is one line and exit status 64; options are never abbreviated."""

    def __init__(self, **how: Any):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **how)

    def error(self, message: str) -> None:
        say(self.prog, "error: %s; see %s --help" % (" ".join(message.split()), self.prog))
        raise SystemExit(USAGE)


def guarded(name: str, work: Callable[[], int], memory_hint: str) -> int:
    """The exit status of `work`; what it raises is told in one line. `memory_hint`: what was expected, and what to try."""
    try:
        return work()
    except PrepareError as error:
        say(name, "error: %s" % error)
        return error.code
    except KeyboardInterrupt:
        say(name, "stopped")
        return 128 + signal.SIGINT
    except MemoryError:
        say(name, "error: memory: %s" % memory_hint)
        return OS_RESOURCE
    except OSError as error:
        say(name, "error: %s" % " ".join(str(error).split()))
        return IO_ERROR
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = "%s:%d" % (os.path.basename(place.filename), place.lineno)
        found = (type(error).__name__, where, " ".join(str(error).split()))
        say(name, "error: a fault of ascribe itself, %s at %s: %s; please report it" % found)
        return OUR_BUG
