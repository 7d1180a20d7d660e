#!/usr/bin/env python3
"""Full disks: disk.py --program ascribe --helpers DIR [--full]

A small tmpfs of every size from nothing to enough: the run ends with exit code 74, its message names the file and the bytes that are needed, nothing
invalid stands under a final name; after the disk has grown the same command completes with the same bits. Then the same with a
limit on the size of files (RLIMIT_FSIZE) and a quota (EDQUOT, by strace). --full: 50 sizes. Exit status: 0 all held, 1 not, 77 skipped:
nothing can be mounted here, neither as root nor in a namespace of one's own.
"""
import os
import re
import resource
import shutil
import signal
import subprocess
import sys

import support
import sweep

N_SIZES, N_SIZES_FULL = 10, 50
PAGE_KIB = 4
ENOUGH_KIB = 4096
N_ROWS, ROWS_PER_PART = 60, 6
CANNOT_CREATE = 73
INSIDE = "ASCRIBE_FAULTS_INSIDE"


def mount_complaint(folder, options):
    """Mounts a tmpfs, or changes one; what mount said when it failed."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "faults", folder], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr.strip() or "mount failed"


def enter_namespace():
    """Starts this program again where it may mount; returns why that is not possible."""
    ways = (["unshare", "-m"], ["unshare", "-Urm"])
    reasons = []
    for way in ways:
        done = subprocess.run(way + ["sh", "-c", "mount -t tmpfs -o size=64k faults /mnt"], capture_output=True, text=True)
        if done.returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp(way[0], way + [sys.executable] + sys.argv)
        reasons.append(done.stderr.strip())
    return "; ".join(reasons)


def full_disk(job, folder, size_kib):
    """(complaints, what the run said) for a disk of this size, which then grows."""
    os.makedirs(folder)
    reason = mount_complaint(folder, "size=%dk" % size_kib)
    if reason:
        raise SystemExit("a tmpfs could be mounted before, and now not: " + reason)
    try:
        done = job.programs.call(job.command(folder))
        complaints = [] if done.returncode == 0 else ending_complaints(done, folder)
        complaints += job.final_names(folder, may_be_unfinished=False)
        if done.returncode == 0:
            complaints += [complaint for complaint in [job.same(os.path.join(folder, "r.h5"))] if complaint]
        else:
            mount_complaint(folder, "remount,size=%dk" % ENOUGH_KIB)
            complaints += job.complete(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
    return ["disk of %d KiB: %s" % (size_kib, complaint) for complaint in complaints], done.stderr if done.returncode else ""


def ending_complaints(done, folder):
    complaints = []
    if done.returncode != support.IO_ERROR:
        complaints.append("exit %d" % done.returncode)
    if folder not in done.stderr:
        complaints.append("no file is named")
    if not re.search(r"\d+ bytes (are )?needed", done.stderr):
        complaints.append("it is not said how many bytes are needed")
    return [complaint + ": " + done.stderr.strip() for complaint in complaints]


def sweep_sizes(job, n_sizes):
    """Complaints of disks of n sizes, from a page to what the run needs."""
    complaints, said = [], []
    needed_kib = max(used_kib(job), PAGE_KIB * n_sizes)
    sizes = sorted({max(PAGE_KIB, needed_kib * n // n_sizes // PAGE_KIB * PAGE_KIB) for n in range(n_sizes + 1)})
    for number, size_kib in enumerate(sizes):
        found, words = full_disk(job, os.path.join(job.programs.scratch, "disk-%d" % number), size_kib)
        complaints += found
        said.append(words)
    n_by_part, n_by_result = (sum(word in words for words in said) for word in (".part:", "are needed"))
    print("%d sizes up to %d KiB: %d ended at a part, %d at the result, %d had room" % (
        len(sizes), sizes[-1], n_by_part, n_by_result, sum(not words for words in said)))
    if not n_by_part or not n_by_result:
        complaints.append("expected disks that are full at a part and at the result")
    return complaints


def used_kib(job):
    """What the run takes at its end, when the parts are still there."""
    return (os.path.getsize(job.out) + sum(len(part) // 4096 * 4096 + 4096 for part in job.parts.values())) // 1024 + 160


def read_only(job):
    """A folder that nobody can write to, root neither: the message names it, and nothing is left to do but to choose another."""
    folder = os.path.join(job.programs.scratch, "read-only")
    os.makedirs(folder)
    reason = mount_complaint(folder, "size=64k,ro")
    if reason:
        raise SystemExit("a tmpfs could be mounted before, and now not: " + reason)
    done = job.programs.call(job.command(folder))
    subprocess.run(["umount", folder], check=True)
    right = done.returncode == CANNOT_CREATE and folder in done.stderr
    return [] if right else ["a read-only folder: exit %d: %s" % (done.returncode, done.stderr.strip())]


def limited_files(job):
    """A limit on file sizes: an error of write where its signal is ignored, which a shell and a batch system leave to the program."""
    complaints = []
    for bytes_ in (100, 700, 9000, 40000):
        folder = os.path.join(job.programs.scratch, "limit-%d" % bytes_)
        os.makedirs(folder)

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))

        done = job.programs.call(job.command(folder), preexec_fn=limit)
        found = [] if done.returncode == support.IO_ERROR and folder in done.stderr else ["exit %d: %s" % (done.returncode, done.stderr.strip())]
        found += job.final_names(folder, may_be_unfinished=False) + job.complete(folder)
        complaints += ["files of %d bytes at most: %s" % (bytes_, complaint) for complaint in found]
        shutil.rmtree(folder)
    return complaints


def quota(programs):
    """EDQUOT where it comes: writing, making durable and closing a part, and writing the result."""
    reason = support.missing_strace(programs)
    if reason:
        print("quotas are left out: " + reason)
        return []
    phase = sweep.Phase(sweep.make_job(programs, 2), "quota", sweep.nothing, lambda call: call.name in ("write", "fsync", "close", "pwrite64"))
    phase.record()
    seen, complaints = set(), []
    for number, injection in enumerate(phase.injections):
        kind = (injection.call.name, sweep.is_of_result(injection.call))
        if kind not in seen:
            seen.add(kind)
            complaints += sweep.disturb(phase, injection, "EDQUOT", number + 1)[0]
    print("quota: EDQUOT at %d kinds of calls" % len(seen))
    return complaints


def test(programs, options):
    job = support.Job(programs, programs.dataset("rows-disk.h5", N_ROWS), ROWS_PER_PART)
    job.make_reference(os.path.join(programs.scratch, "reference-disk"))
    complaints = sweep_sizes(job, N_SIZES_FULL if options.full else N_SIZES) + read_only(job) + limited_files(job) + quota(programs)
    for complaint in complaints:
        print(complaint)
    print("%d complaints" % len(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    if INSIDE not in os.environ:
        sys.exit(support.skip("a small tmpfs cannot be mounted here: " + enter_namespace()))
    support.run_main(test, __doc__)
