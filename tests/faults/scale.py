#!/usr/bin/env python3
"""Memory that does not grow with the rows: scale.py --program ascribe --helpers DIR [--full]

A generated dataset of 50,000 short rows, --full: 1,000,000, a tiny model, occlusion. Peak resident memory of the whole run (the
largest of its processes, ru_maxrss) stays below 1 GiB; the result is verified. Says how long preparing, explaining and merging took, and what share the
threads that read and write had. Exit status: 0 all held, 1 not.
"""
import os
import resource
import subprocess
import threading
import time

import support

N_ROWS, N_ROWS_FULL = 50_000, 1_000_000
MOST_RESIDENT_KIB = 1 << 20
PAUSE_S = 0.2


class Watch(threading.Thread):
    """Follows a process: when each phase began by its own words, and the processor time of its threads."""

    def __init__(self, process, parts_folder):
        super().__init__(daemon=True)
        self.process, self.parts_folder = process, parts_folder
        self.begun, self.last_part, self.ended = time.monotonic(), None, None
        self.threads = {}

    def run(self):
        while self.process.poll() is None:
            self.look()
            time.sleep(PAUSE_S)
        self.ended = time.monotonic()

    def look(self):
        now = time.monotonic()
        try:
            names = os.listdir(self.parts_folder)
            if any(name.startswith("result.") for name in names):
                self.last_part = self.last_part or now
            for thread in os.listdir("/proc/%d/task" % self.process.pid):
                with open("/proc/%d/task/%s/stat" % (self.process.pid, thread)) as file:
                    fields = file.read().rpartition(")")[2].split()
                self.threads[int(thread)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            pass  # the folder, or a thread, is not there yet or any more


def explain(job, folder):
    """(exit status, what it said, watch)"""
    process = subprocess.Popen(job.command(folder), env=job.programs.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, encoding="utf-8")
    watch = Watch(process, os.path.join(folder, "r.h5.parts"))
    watch.start()
    said = process.stderr.read()
    status = process.wait()
    watch.join()
    return status, said, watch


def shares(watch):
    """What is told of the run: with one worker its threads are the first one, the worker, the reader and the writer, by age."""
    explained_s = (watch.last_part or watch.ended) - watch.begun
    seconds = [seconds for _, seconds in sorted(watch.threads.items())]
    told = "reading, explaining and writing %.1f s, merging %.1f s" % (explained_s, watch.ended - explained_s - watch.begun)
    if len(seconds) != 4 or not sum(seconds):
        return told
    return told + "; of the processor time the worker had %.1f %%, the reader %.1f %%, the writer %.1f %%" % tuple(
        100 * part / sum(seconds) for part in seconds[1:])


def verify(programs, out):
    done = programs.call([programs.ascribe, "verify", out], timeout_s=600)
    return None if done.returncode == 0 else "verify: exit %d: %s" % (
        done.returncode, (done.stdout + done.stderr).strip())


def test(programs, options):
    n_rows = N_ROWS_FULL if options.full else N_ROWS
    folder = os.path.join(programs.scratch, "scale")
    os.makedirs(folder)
    start = time.monotonic()
    job = support.Job(programs, programs.dataset("rows-scale.h5", n_rows), 0)
    print("%d rows were made in %.1f s" % (n_rows, time.monotonic() - start))
    status, said, watch = explain(job, folder)
    resident_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print("%.1f s, at most %d KiB resident; %s" % (watch.ended - watch.begun, resident_kib, shares(watch)))
    complaints = ["exit %d: %s" % (status, said.strip())] if status else [verify(programs, os.path.join(folder, "r.h5"))]
    if resident_kib >= MOST_RESIDENT_KIB:
        complaints.append("expected less than %d KiB" % MOST_RESIDENT_KIB)
    complaints = [complaint for complaint in complaints if complaint]
    print("\n".join(complaints + ["%d complaints" % len(complaints)]))
    return 1 if complaints else 0


if __name__ == "__main__":
    support.run_main(test, __doc__)
