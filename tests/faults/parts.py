#!/usr/bin/env python3
"""Parts that are not what they should be, and two processes at once: parts.py --program ascribe --helpers DIR [--full]

A damaged, foreign, renamed or missing part, a stale unfinished file, another run's record: found, named and never merged, by `explain`, which
computes again, by `merge` and by `verify`. Several processes started at once on the same run and on the same task (5, --full: 100). Folders that
are missing, links, or OUT a link. Exit status: 0 all held, 1 not.
"""
import copy
import fcntl
import os
import shutil
import subprocess

import support

N_STARTS, N_STARTS_FULL = 5, 100
CANNOT_CREATE, FAILED_CHECK, DIFFERENT_RUN = 73, 1, 78


class Fixture:
    """A run with its reference, and another run (another method) whose parts are strangers here."""

    def __init__(self, programs, reference_program=None):
        """With a reference_program, that one makes what is right."""
        self.programs = copy.copy(programs)
        self.programs.ascribe = reference_program or programs.ascribe
        self.job = support.Job(self.programs, programs.dataset("rows-parts.h5", 12), 3)
        self.job.make_reference(os.path.join(programs.scratch, "reference-parts"))
        self.other = support.Job(self.programs, self.job.dataset, 3, ["--policy", "mask"])
        self.other.make_reference(os.path.join(programs.scratch, "reference-other"))
        self.programs.ascribe = programs.ascribe
        self.n_folders = 0

    def folder(self):
        self.n_folders += 1
        path = os.path.join(self.programs.scratch, "parts-%d" % self.n_folders)
        os.makedirs(path)
        return path

    def complete_parts(self, folder):
        """All parts are there, nothing is merged."""
        for name in self.job.parts:
            self.job.put_part(folder, name)


def flipped(fixture, name, bytes_):
    middle = len(bytes_) // 2
    return bytes_[:middle] + bytes([bytes_[middle] ^ 1]) + bytes_[middle + 1:]


WRONG = {
    "a flipped bit": flipped,
    "the first half of it": lambda fixture, name, bytes_: bytes_[:len(bytes_) // 2],
    "one byte too many": lambda fixture, name, bytes_: bytes_ + b"\0",
    "nothing": lambda fixture, name, bytes_: b"",
    "zeros": lambda fixture, name, bytes_: bytes(len(bytes_)),
    "another part of the run": lambda fixture, name, bytes_: fixture.job.parts[fixture.job.part_names()[0]],
    "another run's part": lambda fixture, name, bytes_: fixture.other.parts[name],
}


def put_wrong_part(fixture, folder, word):
    """All parts are there, one of them wrong; its name."""
    name = fixture.job.part_names()[-2]
    fixture.complete_parts(folder)
    with open(os.path.join(folder, "r.h5.parts", name), "wb") as file:
        file.write(WRONG[word](fixture, name, fixture.job.parts[name]))
    return name


def wrong_part_in_run(fixture, word):
    """explain computes it again and says so, or refuses and names it; the result is never anything but right."""
    folder, job = fixture.folder(), fixture.job
    name = put_wrong_part(fixture, folder, word)
    done = fixture.programs.call(job.command(folder))
    if done.returncode == 0:
        complaints = [job.same(os.path.join(folder, "r.h5"))]
    else:
        complaints = [None if done.returncode == DIFFERENT_RUN else "exit %d" % done.returncode,
                      "there is a result" if os.path.exists(os.path.join(folder, "r.h5")) else None]
    complaints.append(None if name in done.stderr else "it is not named: " + done.stderr.strip())
    return complaints


def refused(fixture, folder, command, name):
    """Complaints when the command does not end with the exit code of a failed check and the part's name, or there is a result."""
    done = fixture.programs.call([fixture.programs.ascribe] + command)
    said = done.stdout + done.stderr
    return [None if done.returncode in (FAILED_CHECK, DIFFERENT_RUN) else "%s: exit %d: %s" % (command[0], done.returncode, said.strip()),
            None if name in said else "%s: it is not named: %s" % (command[0], said.strip()),
            "%s: there is a result" % command[0] if os.path.exists(os.path.join(folder, "r.h5")) else None]


def wrong_part_in_merge(fixture, word):
    folder = fixture.folder()
    name = put_wrong_part(fixture, folder, word)
    parts = os.path.join(folder, "r.h5.parts")
    return refused(fixture, folder, ["merge", parts], name) + refused(fixture, folder, ["verify", parts], name)


def missing_part(fixture):
    folder = fixture.folder()
    name = fixture.job.part_names()[1]
    fixture.complete_parts(folder)
    parts = os.path.join(folder, "r.h5.parts")
    os.unlink(os.path.join(parts, name))
    return refused(fixture, folder, ["merge", parts], name) + refused(fixture, folder, ["verify", parts], name)


def other_record(fixture):
    """Another run's record: the field that differs is named, with both values."""
    folder, job = fixture.folder(), fixture.job
    job.put_part(folder, support.RECORD)
    with open(os.path.join(folder, "r.h5.parts", support.RECORD), "wb") as file:
        file.write(fixture.other.parts[support.RECORD])
    done = fixture.programs.call(job.command(folder))
    return ["exit %d" % done.returncode if done.returncode != DIFFERENT_RUN else None,
            None if "policy" in done.stderr and "remove" in done.stderr and "mask" in done.stderr else "not named: " + done.stderr.strip()]


def damaged_record(fixture):
    folder, job = fixture.folder(), fixture.job
    fixture.complete_parts(folder)
    record = os.path.join(folder, "r.h5.parts", support.RECORD)
    complaints = []
    text = job.parts[support.RECORD]
    for at in range(0, len(text), max(1, len(text) // 24)):
        with open(record, "wb") as file:
            file.write(text[:at] + bytes([text[at] ^ 4]) + text[at + 1:])
        done = fixture.programs.call([fixture.programs.ascribe, "merge", os.path.dirname(record)])
        if done.returncode == 0 or os.path.exists(os.path.join(folder, "r.h5")):
            return ["byte %d changed: merged" % at]
        if support.RECORD not in done.stderr:
            complaints.append("byte %d changed: not named: %s" % (at, done.stderr.strip()))
    return complaints


def stale_files(fixture):
    """Unfinished files are no parts: the merge goes on without them."""
    folder = fixture.folder()
    fixture.complete_parts(folder)
    parts = os.path.join(folder, "r.h5.parts")
    for name in (support.unfinished_name(fixture.job.part_names()[0]), support.unfinished_name("result", "elsewhere", 1)):
        shutil.copy(os.path.join(parts, fixture.job.part_names()[1]), os.path.join(parts, name))
    done = fixture.programs.call([fixture.programs.ascribe, "merge", parts, "-q"])
    return ["exit %d: %s" % (done.returncode, done.stderr.strip())] if done.returncode else [
        fixture.job.same(os.path.join(folder, "r.h5")), "parts were left" if os.path.exists(parts) else None]


def start(programs, command):
    return subprocess.Popen(command, env=programs.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            encoding="utf-8")


def all_at_once(programs, commands, words):
    """(complaints, how many did the work): each process ends well, or says that another is at work."""
    processes = [start(programs, command) for command in commands]
    complaints, n_well = [], 0
    for process in processes:
        said = process.communicate(timeout=support.TIMEOUT_S)[1]
        n_well += process.returncode == 0
        if process.returncode != 0 and not (process.returncode == CANNOT_CREATE and any(word in said for word in words)):
            complaints.append("exit %d: %s" % (process.returncode, said.strip()))
    return complaints + ([] if n_well else ["nobody did the work"]), n_well


def same_run(fixture, n_starts):
    folder = fixture.folder()
    complaints, n_well = all_at_once(fixture.programs, [fixture.job.command(folder)] * n_starts, ("in use", "appeared"))
    print("%d processes on the same run: %d ended well, the others were told of them" % (n_starts, n_well))
    return complaints + [fixture.job.same(os.path.join(folder, "r.h5"))] + fixture.job.final_names(folder, may_be_unfinished=False)


def same_task(fixture, n_starts):
    folder, job = fixture.folder(), fixture.job
    plan = job.plan(folder, 2)
    complaints, n_well = all_at_once(fixture.programs, [job.task(plan, 0)] * n_starts, ("being worked on",))
    print("%d processes on the same task: %d ended well, the others were told of them" % (n_starts, n_well))
    return complaints + job.complete(folder, [job.task(plan, 1), job.merge(plan)])


def held_elsewhere(fixture):
    """A task, and a run, whose lock somebody holds: the message says who."""
    folder = fixture.folder()
    plan = fixture.job.plan(folder, 2)
    parts = os.path.join(folder, "r.h5.parts")
    os.makedirs(parts)
    with open(os.path.join(parts, "task-0001.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write('{"host": "x", "pid": 123, "job_id": "17_3"}')
        lock.flush()
        refused_task = fixture.programs.call(fixture.job.task(plan, 1))
        other_task = fixture.programs.call(fixture.job.task(plan, 0))
    descriptor = os.open(parts, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    refused_run = fixture.programs.call(fixture.job.command(folder))
    os.close(descriptor)
    expected = "task 1 is being worked on by pid 123 on host x (job 17_3)"
    return [None if refused_task.returncode == CANNOT_CREATE and expected in refused_task.stderr else refused_task.stderr.strip(),
            "the other task: exit %d: %s" % (other_task.returncode, other_task.stderr.strip()) if other_task.returncode else None,
            None if refused_run.returncode == CANNOT_CREATE and "in use" in refused_run.stderr else "a run: " + refused_run.stderr.strip()]


def missing_folder(fixture):
    folder = os.path.join(fixture.folder(), "not", "there")
    done = fixture.programs.call(fixture.job.command(folder))
    return [None if done.returncode == CANNOT_CREATE and folder in done.stderr else "exit %d: %s" % (done.returncode, done.stderr.strip())]


def linked_output(fixture):
    """OUT is a link: it is not followed to overwrite what it leads to; --force puts the result in its place."""
    folder, job = fixture.folder(), fixture.job
    target, out = os.path.join(folder, "precious"), os.path.join(folder, "r.h5")
    with open(target, "w") as file:
        file.write("precious")
    os.symlink(target, out)
    refused_first = fixture.programs.call(job.command(folder))
    forced = fixture.programs.call(job.command(folder, "--force"))
    with open(target) as file:
        kept = file.read() == "precious"
    return [None if refused_first.returncode == CANNOT_CREATE and out in refused_first.stderr else "exit %d: %s" % (
                refused_first.returncode, refused_first.stderr.strip()),
            None if kept else "what the link led to was written over",
            "--force: exit %d: %s" % (forced.returncode, forced.stderr.strip()) if forced.returncode else job.same(out)]


def linked_parts(fixture):
    """OUT.parts is a link to a folder elsewhere, a disk with more room."""
    folder, elsewhere = fixture.folder(), fixture.folder()
    os.symlink(elsewhere, os.path.join(folder, "r.h5.parts"))
    done = fixture.programs.call(fixture.job.command(folder))
    return ["exit %d: %s" % (done.returncode, done.stderr.strip())] if done.returncode else [fixture.job.same(os.path.join(folder, "r.h5"))]


def linked_folder(fixture):
    real = fixture.folder()
    link = real + "-link"
    os.symlink(real, link)
    done = fixture.programs.call(fixture.job.command(link))
    return ["exit %d: %s" % (done.returncode, done.stderr.strip())] if done.returncode else [fixture.job.same(os.path.join(real, "r.h5"))]


def checks(n_starts):
    """(name, check) of every one."""
    found = [("explain, a part is " + word, lambda fixture, word=word: wrong_part_in_run(fixture, word)) for word in WRONG]
    found += [("merge and verify, a part is " + word, lambda fixture, word=word: wrong_part_in_merge(fixture, word)) for word in WRONG]
    found += [(check.__name__.replace("_", " "), check) for check in (
        missing_part, other_record, damaged_record, stale_files, held_elsewhere, missing_folder, linked_output, linked_parts, linked_folder)]
    return found + [("same run", lambda fixture: same_run(fixture, n_starts)), ("same task", lambda fixture: same_task(fixture, n_starts))]


def test(programs, options):
    fixture = Fixture(programs)
    n_wrong = 0
    for name, check in checks(N_STARTS_FULL if options.full else N_STARTS):
        complaints = [complaint for complaint in check(fixture) if complaint]
        n_wrong += bool(complaints)
        print("%-6s %s%s" % ("FAILED" if complaints else "ok", name, "".join("\n    " + complaint for complaint in complaints)), flush=True)
    print("%d failed" % n_wrong)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    support.run_main(test, __doc__)
