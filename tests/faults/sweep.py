#!/usr/bin/env python3
"""A kill -9, ENOSPC and EIO at every call that writes, in turn: sweep.py --program ascribe --helpers DIR [--full]

A run is traced and its write-side calls are numbered (trace.py). Then every one is hit once with each fault, fsync also with an EIO
that lasts; the exit code, the message and what stands under final names are checked, the same command is given again, and its result is
compared bit for bit with the undisturbed one. Phases: a run from nothing (which ends with its merge), one that finds only the record of a
killed one, one that finds a part and unfinished files too, `ascribe merge`; with --full more parts, the result's own calls in every phase, and a
task of a plan. Exit status: 0 every call was hit and every run held, 1 not, 77 skipped.
"""
import collections
import concurrent.futures
import copy
import os
import re
import shutil

import support
import trace

# fault: (strace's word, it lasts)
FAULTS = {"KILL": ("signal=KILL", False), "ENOSPC": ("error=ENOSPC", False), "EIO": ("error=EIO", False), "EDQUOT": ("error=EDQUOT", False),
          "EIO for ever": ("error=EIO", True), "ENOSPC for ever": ("error=ENOSPC", True)}
SWEPT = ("KILL", "ENOSPC", "EIO", "EIO for ever")
N_AT_ONCE = 2
MOST_SHOWN = 12


class Phase:
    """A state to begin with and the calls that are hit from there."""

    def __init__(self, job, name, prepare, wanted, commands=None):
        """`commands(job, folder)`: the first is disturbed, then all are given again; without, the run itself."""
        self.job, self.name, self.prepare, self.wanted = job, name, prepare, wanted
        self.commands = commands or (lambda job, folder: [job.command(folder)])
        self.folder = os.path.join(job.programs.scratch, "phase-" + name)
        self.injections = []

    def begin(self, number):
        """A fresh folder in the state that the phase begins with; steady numbers keep paths in traces steady."""
        folder = os.path.join(self.folder, "%d" % number)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.prepare(self.job, folder)
        return folder

    def record(self):
        """Numbers the calls."""
        folder = self.begin(0)
        log = folder + ".trace"
        done, traced = trace.record(self.job.programs, self.commands(self.job, folder)[0], log)
        if done.returncode != 0:
            raise SystemExit("%s: the traced run failed: %s" % (self.name, done.stderr))
        self.injections = [trace.Injection(traced, call) for call in trace.write_side(traced) if self.wanted(call)]
        self.recorded_in = folder
        record = os.path.join(folder, "r.h5.parts", support.RECORD)
        if os.path.exists(record):  # a task's: it tells of the plan's tasks
            with open(record, "rb") as file:
                self.job = copy.copy(self.job)
                self.job.parts = dict(self.job.parts, **{support.RECORD: file.read()})

    def moved(self, injection, folder):
        """The same injection for a run in another folder."""
        def move(path):
            return path.replace(self.recorded_in, folder)

        other = trace.Injection.__new__(trace.Injection)
        other.__dict__.update(injection.__dict__)
        other.path = move(injection.path)
        other.call = injection.call._replace(paths=tuple(map(move, injection.call.paths)))
        return other


def nothing(job, folder):
    """The state before a first run."""


def begun(job, folder):
    """What a run leaves that was killed before its first part."""
    job.put_part(folder, support.RECORD)


def half_done(job, folder):
    """What a killed run leaves: its record, its first part, and files that it had not finished."""
    first, last = job.part_names()[0], job.part_names()[-1]
    job.put_part(folder, support.RECORD)
    job.put_part(folder, first)
    for name in (support.unfinished_name(last), support.unfinished_name("result"), support.unfinished_name(last, "elsewhere", 1)):
        with open(os.path.join(folder, "r.h5.parts", name), "wb") as file:
            file.write(b"half of it")


def all_parts(job, folder):
    """What is there before the merge."""
    planned(job, folder)
    for name in job.parts:
        job.put_part(folder, name)


def merge(job, folder):
    return [job.merge(folder + ".plan.json")]


def merge_planned(job, folder):
    plan = folder + ".plan.json"
    return [job.task(plan, 0), job.task(plan, 1), job.merge(plan)]


def planned(job, folder):
    job.plan(folder, 2)


def is_of_result(call):
    """A call on the unfinished result: the same in every phase that merges."""
    return any(re.match(r"result\..*\.4194303\.", os.path.basename(path)) for path in call.paths)


def is_volatile(call):
    return any(support.VOLATILE.match(os.path.basename(path)) or "progress-" in path for path in call.paths)


def was_rewritten(traced, call):
    """Whether a part's unfinished file was thrown away and made again; of a folder that cannot be told."""
    made = [other for other in traced.calls if other.name == "openat" and "O_CREAT" in other.arguments and call.paths[0] in other.paths]
    return not call.paths[0].endswith(".tmp") or len(made) == 2


def exit_complaint(injection, fault, done, folder, traced):
    """What is wrong with how the disturbed command ended, or None."""
    call = injection.call
    if fault == "KILL":
        # strace ends itself by the signal of the first process that it traced; a child's death is the command's to report
        if done.returncode in (-9, 137):
            return None
    elif done.returncode == 0:
        # Nobody need mind a removal that failed, nor a close in the child that wrote the result, which another reads again: as long as
        # the bits are right, which is checked next.
        # A part is written once more, into a new file. What is volatile may fail.
        in_child = call.name == "close" and is_of_result(call) and call.thread != 0
        is_part = call.thread != 0 and re.search(r"/r\.h5\.parts(/part-[^/]*\.tmp)?$", call.paths[0]) and was_rewritten(traced, call)
        return None if call.name in trace.REMOVING or in_child or is_part or is_volatile(call) else "the fault was swallowed"
    if done.returncode != support.IO_ERROR:
        return "exit %d: %s" % (done.returncode, done.stderr.strip())
    return None if folder in done.stderr else "no file is named: " + done.stderr.strip()


def disturb(phase, injection, fault, number):
    """Hits one call of one run; (complaints, whether the call was hit)."""
    job, programs = phase.job, phase.job.programs
    word, lasts = FAULTS[fault]
    folder = phase.begin(number)
    before = {name for _, _, names in os.walk(folder) for name in names}
    commands = phase.commands(job, folder)
    log = folder + ".trace"
    moved = phase.moved(injection, folder)
    done = programs.call(["strace", "-o", log, *trace.steady(programs), *moved.options(word, lasts), *commands[0]])
    traced = trace.Trace(log)
    not_hit = moved.was_hit(traced, fault == "KILL")
    found = [exit_complaint(moved, fault, done, folder, traced), "a failed fsync was tried again" if trace.synced_again(traced) else None]
    killed = fault == "KILL"
    removal_failed = moved.call.name in trace.REMOVING
    found += job.final_names(folder, may_be_unfinished=killed or removal_failed, before=before)
    found += job.complete(folder, commands)
    complaints = ["%s: %s at %s: %s" % (phase.name, fault, trace.describe(moved.call), complaint)
                  for complaint in found + [not_hit] if complaint]
    shutil.rmtree(folder)
    os.unlink(log)
    return complaints, not_hit is None


def faults_for(call):
    return [fault for fault in SWEPT if fault != "EIO for ever" or call.name in ("fsync", "fdatasync")]


def sweep(phase):
    """Every call of a phase with every fault; (complaints, calls that strace could not reach). Prints the counts."""
    phase.record()
    work = [(injection, fault) for injection in phase.injections if injection.reachable for fault in faults_for(injection.call)]
    with concurrent.futures.ThreadPoolExecutor(N_AT_ONCE) as pool:
        outcomes = list(pool.map(lambda item: disturb(phase, *item[1], item[0]), enumerate(work, 1)))
    hits = collections.Counter(fault for (_, fault), (_, hit) in zip(work, outcomes) if hit)
    numbered = collections.Counter(fault for _, fault in work)
    kinds = collections.Counter(injection.call.name for injection in phase.injections)
    print("%s: %d calls numbered (%s)" % (phase.name, len(phase.injections), ", ".join("%d %s" % (n, name) for name, n in sorted(kinds.items()))))
    print("    hit of numbered: " + ", ".join("%s %d of %d" % (fault, hits[fault], numbered[fault]) for fault in SWEPT), flush=True)
    complaints = [complaint for found, _ in outcomes for complaint in found]
    unreached = [injection for injection in phase.injections if not injection.reachable]
    if unreached:
        print("    left to the next phase, as another thread made as many such calls before: " + ", ".join(map(kind_of, unreached)))
    return complaints, unreached


def kind_of(injection):
    return "%s %s in %s thread" % (injection.call.name, re.sub(r"^.*/\d+/", "", injection.path),
                                   "another" if injection.call.thread else "the first")


def make_job(programs, n_parts):
    job = support.Job(programs, programs.dataset("rows-%d.h5" % n_parts, 3 * n_parts), 3)
    job.make_reference(os.path.join(programs.scratch, "reference-%d" % n_parts))
    return job


def phases_of(job, full):
    more = [Phase(job, "task", planned, lambda call: True, merge_planned)] if full else []
    return more + [Phase(job, "run", nothing, lambda call: True),
            Phase(job, "begun", begun, lambda call: full or call.thread != 0 and call.name == "fsync" and not is_of_result(call)),
            Phase(job, "resume", half_done, lambda call: full or not is_of_result(call)),
            Phase(job, "merge", all_parts, lambda call: full or not (is_of_result(call) and call.thread), merge)]


def test(programs, options):
    reason = support.missing_strace(programs)
    if reason:
        return support.skip(reason)
    complaints = []
    job = make_job(programs, 6 if options.full else 2)
    unreached, reached = [], set()
    for phase in phases_of(job, options.full):
        found, left = sweep(phase)
        complaints += found
        unreached += left
        reached.update(kind_of(injection) for injection in phase.injections if injection.reachable)
    complaints += ["strace reaches it in no phase: " + kind for kind in map(kind_of, unreached) if kind not in reached]
    for complaint in complaints[:MOST_SHOWN]:
        print(complaint)
    print("%d complaints" % len(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    support.run_main(test, __doc__)
