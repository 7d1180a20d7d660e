#!/usr/bin/env python3
"""Kills at random times of a run that does little but write: kills.py --program ascribe --helpers DIR [--full]

One row a part, a tiny model: nearly all the time goes into parts and the merge. Each trial kills a run once, every fifth one two to
five times in a row, half of them while it writes parts, then the same command completes, and its result is compared bit for bit with the undisturbed one. 20 trials,
--full: 1000. Exit status: 0 all held, 1 not.
"""
import concurrent.futures
import os
import random
import shutil
import signal
import subprocess
import time

import support

N_TRIALS, N_TRIALS_FULL = 20, 1000
N_ROWS = 800
N_AT_ONCE = 2
SEED = 6
REPORTED = 100


def time_of(job):
    """Seconds that an undisturbed run takes, the shortest of three."""
    times = []
    for number in range(3):
        folder = os.path.join(job.programs.scratch, "timed-%d" % number)
        os.makedirs(folder)
        start = time.monotonic()
        job.programs.call(job.command(folder))
        times.append(time.monotonic() - start)
        shutil.rmtree(folder)
    return min(times)


def has_part(folder):
    parts = os.path.join(folder, "r.h5.parts")
    return os.path.isdir(parts) and any(name.endswith(".part") for name in os.listdir(parts))


def kill_once(job, folder, after_s, from_first_part):
    """Kills a run after_s seconds after its start, or after its first part; whether it was still there."""
    process = subprocess.Popen(job.command(folder), env=job.programs.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while from_first_part and process.poll() is None and not has_part(folder):
        time.sleep(0.002)
    try:
        process.wait(after_s)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait() == -signal.SIGKILL


def trial(job, number, times, from_first_part):
    """(complaints, kills that met a run, parts that were there after the last kill)"""
    folder = os.path.join(job.programs.scratch, "kill-%d" % number)
    os.makedirs(folder)
    n_met, complaints = 0, []
    for after_s in times:
        n_met += kill_once(job, folder, after_s, from_first_part)
        complaints += job.final_names(folder, may_be_unfinished=True)
    parts = os.path.join(folder, "r.h5.parts")
    n_parts = sum(name.endswith(".part") for name in os.listdir(parts)) if os.path.isdir(parts) else 0
    complaints += job.complete(folder)
    shutil.rmtree(folder)
    return ["trial %d: %s" % (number, complaint) for complaint in complaints], n_met, n_parts


def make_job(programs):
    job = support.Job(programs, programs.dataset("rows-kills.h5", N_ROWS), 1)
    job.make_reference(os.path.join(programs.scratch, "reference-kills"))
    return job


def plan_trials(n_trials, duration_s):
    """(times of kills, whether they count from the first part) of each trial."""
    dice = random.Random(SEED)
    for number in range(n_trials):
        n_kills, from_first_part = 1 if number % 5 else dice.randint(2, 5), number % 2 == 0
        # Two run side by side: each takes up to twice as long.
        yield [dice.uniform(0, 0.6 if from_first_part else 1.5) * duration_s for _ in range(n_kills)], from_first_part


def trials(job, n_trials):
    """Complaints of so many trials. Prints the counts, every hundred trials."""
    duration_s = time_of(job)
    n_killed = n_between = 0
    complaints = []
    with concurrent.futures.ThreadPoolExecutor(N_AT_ONCE) as pool:
        outcomes = pool.map(lambda item: trial(job, item[0], *item[1]), enumerate(plan_trials(n_trials, duration_s)))
        for n_done, (found, n_met, n_parts) in enumerate(outcomes, 1):
            complaints += found
            n_killed += n_met
            n_between += 0 < n_parts < N_ROWS
            if n_done % REPORTED == 0 or n_done == n_trials:
                print("%d trials of %.2f s, %d kills met a run, %d trials went on from some of the %d parts, %d complaints" % (
                    n_done, duration_s, n_killed, n_between, N_ROWS, len(complaints)), flush=True)
    if n_killed < n_trials // 3 or n_between == 0:
        complaints.append("too few kills met a run at work for this to show anything")
    return complaints


def test(programs, options):
    complaints = trials(make_job(programs), N_TRIALS_FULL if options.full else N_TRIALS)
    for complaint in complaints[:20]:
        print(complaint)
    print("%d complaints" % len(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    support.run_main(test, __doc__)
