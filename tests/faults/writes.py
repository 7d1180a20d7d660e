#!/usr/bin/env python3
"""Writes that do less than they were asked for: writes.py --program ascribe --helpers DIR

With libfaults_shim.so every write to a file is short (half, one byte) or interrupted (EINTR): the run must not notice, its result is
the undisturbed one bit for bit. And a disk that lies, writing half and telling of all: the comparison before the result gets its name
must see it (exit code 74). Exit status: 0 all held, 1 not.
"""
import os
import shutil

import support

WORDS = ("half", "one", "interrupted", "mixed")


def run_with(job, word):
    """(finished process, writes that were changed, folder)"""
    folder = os.path.join(job.programs.scratch, "writes-" + word)
    report = folder + ".count"
    os.makedirs(folder)
    done = job.programs.call(job.command(folder), environment={"LD_PRELOAD": job.programs.shim, "FAULTS_WRITES": word, "FAULTS_REPORT": report})
    return done, os.path.getsize(report) if os.path.exists(report) else 0, folder


def unnoticed(job, word):
    """Complaints of a run whose writes are changed so."""
    done, n_changed, folder = run_with(job, word)
    complaints = ["exit %d: %s" % (done.returncode, done.stderr.strip())] if done.returncode else [job.same(os.path.join(folder, "r.h5"))]
    if done.stderr:
        complaints.append("it was noticed: " + done.stderr.strip())
    if n_changed < len(job.parts) + 10:
        complaints.append("only %d writes were changed" % n_changed)
    shutil.rmtree(folder)
    print("%s: %d writes changed" % (word, n_changed))
    return ["%s: %s" % (word, complaint) for complaint in complaints if complaint]


def lying_disk(job):
    """Complaints of a run whose result is not what was written."""
    done, n_changed, folder = run_with(job, "lost")
    complaints = [] if done.returncode == support.IO_ERROR else ["exit %d: %s" % (done.returncode, done.stderr.strip())]
    if not n_changed:
        complaints.append("no write was changed")
    complaints += job.final_names(folder, may_be_unfinished=False) + job.complete(folder)
    shutil.rmtree(folder)
    return ["a disk that lies: " + complaint for complaint in complaints]


def make_job(programs):
    job = support.Job(programs, programs.dataset("rows-writes.h5", 12), 3)
    job.make_reference(os.path.join(programs.scratch, "reference-writes"))
    return job


def test(programs, options):
    job = make_job(programs)
    complaints = lying_disk(job)
    for word in WORDS:
        complaints += unnoticed(job, word)
    for complaint in complaints:
        print(complaint)
    print("%d complaints" % len(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    support.run_main(test, __doc__)
