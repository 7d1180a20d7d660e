"""Calls that write, as strace sees them: numbering those of a run, and making one of them fail.

strace counts the calls of every thread and process apart. So a call is known by (thread, system call, how many of that name on that
path by that thread came before); `strace -P PATH -e inject=CALL:...:when=N` reaches exactly that one, because the names of temporary
files are always the same (libfaults_shim.so), as long as no other thread made as many such calls on the path before. Where one did,
strace follows the first thread alone. Whether the right call was hit, and hit first, is read from the trace, never assumed.
"""
import collections
import os
import re

WRITING = (
    "openat", "open", "creat", "write", "writev", "pwrite64", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range", "msync",
    "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "close", "ftruncate", "truncate",
    "fallocate", "mkdir", "mkdirat", "rmdir", "copy_file_range", "sendfile", "splice")
LINE = re.compile(r"^(\d*) *(\w+)\((.*)$")  # without -f there are no numbers
RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
DESCRIPTOR = re.compile(r"(?<![\w\"])(AT_FDCWD|\d+)<([^>]*)>")
TEXT = re.compile(r"\"((?:[^\"\\]|\\.)*)\"(\.\.\.)?")
WITH_DATA = ("write", "writev", "pwrite64", "pwritev", "pwritev2")
OPENING = ("openat", "open", "creat")
REMOVING = ("unlink", "unlinkat", "rmdir")

# thread: number in order of appearance; paths: absolute, of descriptors and texts; at: place in the whole trace
Call = collections.namedtuple("Call", "thread name arguments paths at")


class Trace:
    def __init__(self, path):
        self.calls, self.killed, self.threads, self.unfinished = [], set(), [], {}
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                self.add(line)

    def number_of(self, pid):
        if pid not in self.threads:
            self.threads.append(pid)
        return self.threads.index(pid)

    def add(self, line):
        match, resumed = LINE.match(line), RESUMED.match(line)
        if match:
            pid, name, arguments = match.groups()
            if arguments.endswith("<unfinished ...>"):
                self.unfinished[pid] = len(self.calls)
            self.calls.append(Call(self.number_of(pid), name, arguments, paths_of(name, arguments), len(self.calls)))
        elif resumed and resumed.group(1) in self.unfinished:
            at = self.unfinished.pop(resumed.group(1))
            self.calls[at] = self.calls[at]._replace(arguments=self.calls[at].arguments.replace("<unfinished ...>", resumed.group(2)))
        elif "+++ killed by SIGKILL" in line:
            self.killed.add(self.number_of(line.split("+++")[0].strip()))

    def died_in(self, call):
        """Whether the call's process was killed when it began."""
        return call.thread in self.killed and (call.arguments.endswith(("= ?", "<unfinished ...>")))


def paths_of(name, arguments):
    descriptors = DESCRIPTOR.findall(arguments.split(" = ")[0] if name not in WITH_DATA else arguments.split(", ")[0])
    paths = [path for number, path in descriptors if number != "AT_FDCWD"]
    if name not in WITH_DATA:
        folder = descriptors[0][1] if descriptors else ""
        paths += [os.path.join(folder, text) for text, _ in TEXT.findall(arguments)]
    return tuple(paths)


def opened_for_writing(call):
    return any(flag in call.arguments for flag in ("O_WRONLY", "O_RDWR", "O_CREAT")) or call.name == "creat"


def is_about_files(call):
    """Neither the standard outputs nor pipes and devices."""
    first = call.arguments.split(",")[0].split("<")[0].split(")")[0]
    if call.name in WITH_DATA + ("close",) and first in ("1", "2"):
        return False
    return bool(call.paths) and all(path.startswith("/") and not path.startswith(("/dev/null", "/dev/tty", "/dev/pts", "/proc/", "/sys/"))
                                    for path in call.paths)


def write_side(trace):
    """The calls that make, change, name, remove or make durable a file or folder, in order; of close those of files opened to be written."""
    chosen, written = [], {}
    for call in trace.calls:
        if call.name not in WRITING or not is_about_files(call) or " = -1 " in call.arguments:
            continue
        if call.name in OPENING:
            written[call.thread, call.paths[-1]] = opened_for_writing(call)
            if "O_CREAT" not in call.arguments and call.name != "creat":
                continue
        elif call.name == "close" and not written.get((call.thread, call.paths[0])):
            continue
        chosen.append(call)
    return chosen


def selecting_path(call):
    """The path by which strace -P picks the call: of a folder's descriptor where there is one, else the first text."""
    return call.paths[0]


def selected(trace, call, path):
    """Calls of the same name that strace -P `path` shows, in order."""
    return [other for other in trace.calls if other.name == call.name and path in other.paths]


class Injection:
    """strace's options that reach one call, and how to tell that it was reached."""

    def __init__(self, trace, call):
        self.call, self.path = call, selecting_path(call)
        alike = selected(trace, call, self.path)
        before = [other for other in alike if other.at <= call.at]
        self.index = sum(other.thread == call.thread for other in before)
        counts = collections.Counter(other.thread for other in before)
        self.follow = all(thread == call.thread or count < self.index for thread, count in counts.items())
        visible = before if self.follow else [other for other in before if other.thread == call.thread]
        self.reachable = self.follow or call.thread == 0
        self.occurrence = len(visible) if self.reachable else 0

    def options(self, fault, for_ever=False):
        options = ["-f"] if self.follow else []
        return options + ["-y", "-s", "0", "-P", self.path, "-e", "trace=openat," + self.call.name,
                          "-e", "inject=%s:%s:when=%d%s" % (self.call.name, fault, self.index, "+" if for_ever else "")]

    def was_hit(self, trace, kill):
        """None when the trace shows that this call was hit before any other, else what it shows."""
        calls = [call for call in trace.calls if call.name == self.call.name and self.path in call.paths]
        if kill:
            hit = [n for n, call in enumerate(calls, 1) if trace.died_in(call)]
        else:
            hit = [n for n, call in enumerate(calls, 1) if "(INJECTED)" in call.arguments]
        return None if hit[:1] == [self.occurrence] else "%s: expected that call %d is hit, found %s of %d" % (
            describe(self.call), self.occurrence, hit or "none", len(calls))


def synced_again(trace):
    """Whether a failed fsync was tried again on the same file: the pages count as written by then, and are not."""
    failed = set()
    for call in trace.calls:
        if call.name == "openat" and "O_CREAT" in call.arguments:
            failed.discard(call.paths[-1])
        elif call.name in ("fsync", "fdatasync"):
            if call.paths[0] in failed:
                return True
            if "(INJECTED)" in call.arguments and call.paths[0].endswith(".tmp"):
                failed.add(call.paths[0])
    return False


def describe(call):
    return "%s %s (thread %d)" % (call.name, " ".join(os.path.basename(path) for path in call.paths), call.thread)


def record(programs, command, log):
    """Runs the command under strace with steady names; (finished process, trace of everything that may write)."""
    done = programs.call(["strace", "-f", "-y", "-s", "0", "-o", log, *steady(programs), "-e", "trace=" + ",".join("?" + name for name in WRITING)]
                         + command)
    return done, Trace(log)


def steady(programs):
    return ["-E", "LD_PRELOAD=" + programs.shim, "-E", "FAULTS_NAMES=1"]
