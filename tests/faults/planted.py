#!/usr/bin/env python3
"""Negative controls: planted.py --build DIR --program ascribe --helpers DIR [--full]

Every check of this folder is held against a build with a planted defect (run.py of tests/fuzz puts it into a copy of the source and links
again), and must catch it: one for each injector, with --full all. Exit status: 0 all were caught, 1 not, 77 skipped: no strace.
"""
import copy
import os
import sys

import disk
import kills
import parts
import support
import sweep
import writes

sys.path.insert(0, os.path.join(support.ROOT, "tests", "fuzz"))
from run import plant  # noqa: E402

DURABLE, MERGE, PART = "host/base/durable.c", "host/io/merge.c", "host/io/part.c"


def planted_job(job, program):
    """The same job, done by another program."""
    other = copy.copy(job)
    other.programs = copy.copy(job.programs)
    other.programs.ascribe, other.reference_program = program, job.programs.ascribe
    return other


def first_call(fault, name, where):
    """A check: hits the first call of that name on a file or folder that has `where` in its name."""
    def check(job):
        phase = sweep.Phase(job, "planted", sweep.nothing,
                            lambda call: call.name == name and where in os.path.basename(call.paths[0]))
        phase.record()
        complaints, hit = sweep.disturb(phase, phase.injections[0], fault, 1)
        return complaints if hit else []
    return check


def left_over(job):
    """A check: goes on from what a killed run left."""
    folder = os.path.join(job.programs.scratch, "left-over")
    os.makedirs(folder)
    sweep.half_done(job, folder)
    return job.complete(folder)


def random_kills(job):
    reference = kills.make_job(job.programs)
    return [complaint for complaint in kills.trials(reference, 20) if complaint.startswith("trial")]


def writes_that_are(word):
    return lambda job: writes.unnoticed(job, word)


def of_parts(check):
    """A check of parts.py, on a run of its own."""
    return lambda job: [complaint for complaint in check(parts.Fixture(job.programs, job.reference_program)) if complaint]


def merge_phase(fault, name, where):
    """A check: hits a call of `ascribe merge`, then calls it again."""
    def check(job):
        phase = sweep.Phase(job, "planted", sweep.all_parts, lambda call: call.name == name and where in " ".join(call.paths), sweep.merge)
        phase.record()
        complaints, hit = sweep.disturb(phase, phase.injections[0], fault, 1)
        return complaints if hit else []
    return check


RUN_FOLDER, RUN_MERGE = "host/explain/run_folder.c", "host/explain/run_merge.c"
IN_PLACE = ("TRY(make_name(path, name, err));\n        *descriptor",
            "TRY(make_name(path, name, err));\n        if (!strstr(path, \".json\"))\n            strcpy(*name, path);\n        *descriptor")
BUGS = [
    {"what": "parts are written under their final names", "file": DURABLE, "check": first_call("KILL", "write", "part-0"),
     "old": IN_PLACE[0], "new": IN_PLACE[1]},
    {"what": "the same, slowly, and killed at random times", "file": DURABLE, "check": random_kills,
     "edits": [IN_PLACE, ("const uint8_t *next = bytes;", "usleep(300);\n    const uint8_t *next = bytes;")]},
    {"what": "a failed fsync of a file is ignored", "file": DURABLE, "check": first_call("EIO", "fsync", "part-0"),
     "old": "if (code == 0 && fsync(descriptor) != 0)", "new": "if (code == 0 && fsync(descriptor) != 0 && !path)"},
    {"what": "a failed close of a file is ignored", "file": DURABLE, "check": first_call("EIO", "close", "part-0"),
     "old": "if (close(descriptor) != 0 && code == 0)\n        code = errno;\n    if (code == 0)\n        return ASC_OK;",
     "new": "close(descriptor);\n    if (code == 0)\n        return ASC_OK;"},
    {"what": "a failed write is taken for a whole one", "file": DURABLE, "check": first_call("ENOSPC", "write", "part-0"),
     "old": "return written < 0 ? errno : EIO;", "new": "return 0;"},
    {"what": "the same, on a small disk's stand-in, a limit on files", "file": DURABLE, "check": disk.limited_files,
     "old": "return written < 0 ? errno : EIO;", "new": "return 0;"},
    {"what": "the unfinished file of a failed write stays", "file": DURABLE, "check": first_call("ENOSPC", "write", "part-0"),
     "old": "    unlink(*tmp_path);\n    free(*tmp_path);", "new": "    free(*tmp_path);"},
    {"what": "the message of a failed write names no file", "file": DURABLE, "check": first_call("ENOSPC for ever", "write", "part-0"),
     "edits": [('"%s: writing failed: %s (%zu bytes needed, %" PRIu64 " bytes free)", path,\n', '"writing failed: %s (%zu bytes needed, %" PRIu64 " bytes free)",\n'),
               ("make room on the disk that holds %s, then run the same command again\",\n                  path);", "make room\");")]},
    {"what": "a failed fsync of a folder is ignored", "file": DURABLE, "check": first_call("EIO", "fsync", "r.h5.parts"),
     "old": "if (fsync(descriptor) != 0 && errno != EINVAL)", "new": "if (fsync(descriptor) != 0 && errno == EINVAL)"},
    {"what": "a short write is taken for a whole one", "file": DURABLE, "check": writes_that_are("half"),
     "old": "left -= (size_t)written;", "new": "left = 0;"},
    {"what": "an interrupted write is an error", "file": DURABLE, "check": writes_that_are("interrupted"),
     "old": "if (written < 0 && errno == EINTR)\n            continue;", "new": ""},
    {"what": "the result is not compared", "file": MERGE, "check": writes.lying_disk,
     "old": 'status = run_step(result_compare, "the process that compares the result", job, path, err);', "new": "(void)result_compare;"},
    {"what": "a merge's dead child counts as success", "file": MERGE, "check": first_call("KILL", "pwrite64", "result."),
     "old": "return child_run(&child, err);", "new": "(void)child_run(&child, err);\n    return ASC_OK;"},
    {"what": "a merge's failed child counts as success", "file": MERGE, "check": first_call("ENOSPC", "pwrite64", "result."),
     "old": "return child_run(&child, err);", "new": "(void)child_run(&child, err);\n    return ASC_OK;"},
    {"what": "unfinished files are neither swept nor removed", "file": RUN_FOLDER, "check": left_over,
     "old": "return ours ? RUN_FILE_UNFINISHED : RUN_FILE_OTHER;", "new": "return ours ? RUN_FILE_OTHER : RUN_FILE_OTHER;"},
    {"what": "the record goes though a part cannot be removed", "file": RUN_FOLDER, "check": first_call("EIO", "unlinkat", "r.h5.parts"),
     "old": "if (!c.failed)", "new": "if (!c.failed || true)"},
    {"what": "nobody asks who else is at work", "file": RUN_FOLDER, "check": of_parts(parts.held_elsewhere),
     "old": "flock(descriptor, operation | LOCK_NB) != 0", "new": "operation < 0"},
    {"what": "the same, and several start at once", "file": RUN_FOLDER, "check": of_parts(lambda fixture: parts.same_run(fixture, 8)),
     "old": "flock(descriptor, operation | LOCK_NB) != 0", "new": "operation < 0"},
    {"what": "a damaged part is taken", "file": PART, "check": of_parts(lambda fixture: parts.wrong_part_in_run(fixture, "a flipped bit")),
     "edits": [("if (check_sums && !checksum_agrees(record, size))", "if (check_sums && !checksum_agrees(record, size) && !path)"),
               ("if (memcmp(trailer, digest, HASH_BYTES) != 0)", "if (memcmp(trailer, digest, HASH_BYTES) != 0 && !path)")]},
    {"what": "another run's part is merged", "file": PART, "check": of_parts(lambda fixture: parts.wrong_part_in_merge(fixture, "another run's part")),
     "old": "if (memcmp(expected->manifest_hash, found->manifest_hash, HASH_BYTES) != 0) {", "new": "if (!path) {"},
    {"what": "another run's record is taken", "file": "host/explain/run_settle.c", "check": of_parts(parts.other_record),
     "old": "if (memcmp(there->manifest_hash, r->manifest_hash, HASH_BYTES) != 0)", "new": "if (!plan && there->manifest_hash == r->manifest_hash)"},
    {"what": "the record's own digest is not looked at", "file": "host/explain/record.c", "check": of_parts(parts.damaged_record),
     "old": "return strcmp(found, hex) == 0 ? ASC_OK", "new": "return strcmp(found, hex) == 0 || path ? ASC_OK"},
    {"what": "a merge that was killed at its end is not found complete", "file": RUN_MERGE, "check": merge_phase("KILL", "unlink", "merge.lock"),
     "old": "return merge_without_record(m, err);", "new": "return status;"},
]


def is_caught(job, number, bug, build):
    program = plant(build, bug.get("goal", "ascribe"), "faults-%d" % number, bug)
    if "goal" in bug:
        return job.programs.call([program]).returncode == 1
    other = planted_job(job, program)
    other.programs.scratch = os.path.join(job.programs.scratch, "planted-%d" % number)
    os.makedirs(other.programs.scratch)
    return bool(bug["check"](other))


BUGS_OF_PARTS = [
    {"what": "a part's row checksums and digest are not looked at", "file": PART, "goal": "test_part_damage",
     "edits": [("if (check_sums && !checksum_agrees(record, size))", "if (check_sums && !checksum_agrees(record, size) && !path)"),
               ("if (memcmp(trailer, digest, HASH_BYTES) != 0)", "if (memcmp(trailer, digest, HASH_BYTES) != 0 && !path)")]},
    {"what": "a part's header checksum and digest are not looked at", "file": PART, "goal": "test_part_damage",
     "edits": [("if (memcmp(trailer, digest, HASH_BYTES) != 0)", "if (memcmp(trailer, digest, HASH_BYTES) != 0 && !path)"),
               ("if (!checksum_agrees(bytes, HEADER_CHECKSUM_AT) ||", "if (")]},
    {"what": "another run's part is taken", "file": PART, "goal": "test_part_damage",
     "old": "if (memcmp(expected->manifest_hash, found->manifest_hash, HASH_BYTES) != 0) {", "new": "if (!path) {"},
    {"what": "another part of the run is taken", "file": PART, "goal": "test_part_damage",
     "old": "if (expected->index != found->index)", "new": "if (!path)"},
]


# One for each injector; the rest with --full.
QUICK = (
    "parts are written under their final names", "the same, slowly, and killed at random times", "a failed fsync of a file is ignored",
    "the same, on a small disk's stand-in, a limit on files", "a short write is taken for a whole one", "the result is not compared",
    "a merge's dead child counts as success", "nobody asks who else is at work", "another run's part is merged",
    "a part's row checksums and digest are not looked at")


def chosen(full):
    bugs = [bug for bug in BUGS + BUGS_OF_PARTS if full or bug["what"] in QUICK]
    if not full and len(bugs) != len(QUICK):
        raise SystemExit("expected every name of QUICK once among the planted defects")
    return bugs


def test(programs, options):
    reason = support.missing_strace(programs)
    if reason:
        return support.skip(reason)
    job = sweep.make_job(programs, 2)
    n_missed = 0
    bugs = chosen(options.full)
    for number, bug in enumerate(bugs):
        caught = is_caught(job, number, bug, os.path.abspath(options.build))
        n_missed += not caught
        print("%-6s %s: %s" % ("caught" if caught else "MISSED", bug["file"], bug["what"]), flush=True)
    print("%d planted defects, %d missed" % (len(bugs), n_missed))
    return 1 if n_missed else 0


if __name__ == "__main__":
    support.run_main(test, __doc__)
