#!/usr/bin/env python3
"""Checks who includes whom: check_includes.py [ROOT] | --self-test

The table of CONTRIBUTING.md as data. Every #include below include/, kernels/ and host/ must be allowed by the row of
its folder: a header of the project in quotes or as <ascribe/...>, a header of the C library or POSIX, or one of the
libraries that the row names. Exit status: 0 all allowed, 1 a violation (one line each), 64 usage.
"""
import fnmatch
import os
import re
import sys

STANDARD = set(
    """assert.h ctype.h dlfcn.h errno.h float.h inttypes.h limits.h locale.h math.h setjmp.h signal.h stdalign.h stdarg.h
    stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h time.h
    dirent.h fcntl.h fnmatch.h ftw.h malloc.h poll.h pthread.h sched.h spawn.h strings.h unistd.h wchar.h
    sys/file.h sys/ioctl.h sys/mman.h sys/prctl.h sys/random.h sys/resource.h sys/socket.h sys/stat.h sys/statvfs.h sys/time.h sys/types.h
    sys/wait.h""".split()
)


def rule(quoted="", public="", libraries=""):
    """quoted: project headers; public: what follows <ascribe/; libraries: other angle headers. Globs."""
    return {"quoted": quoted.split(), "public": public.split(), "libraries": libraries.split()}


KERNELS = "both.h backend.h backend_ops.h backend_check.h shapes.h philox.h output_transform.h libm_digest.h gelu.h gemm_choice.h team.h solve/* base/fail.h base/checked.h"

# The longest matching folder counts. A header in quotes that stands in the including file's own folder is named from
# the module's root (base/fail.h), except in host/cli, which is seen by nobody.
RULES = {
    "include/ascribe/": rule(public="*"),
    "kernels/": rule(KERNELS),
    "kernels/ref/": rule(KERNELS + " ref/* base/dense.h"),
    "kernels/cpu/": rule(KERNELS + " cpu/*", libraries="dnnl.h cblas.h"),
    "kernels/cuda/": rule(KERNELS + " cuda/*", libraries="cuda*.h cublas*.h curand*.h cusolver*.h"),
    "host/base/": rule("base/*", "status.h log.h", "openssl/*"),
    "host/base/build_facts.c.in": rule("", "device.h version.h"),  # the public functions that it implements
    "host/io/": rule("io/* base/*", "status.h log.h dataset.h masks.h result.h version.h", "hdf5.h jansson.h"),
    "host/model/": rule("model/* io/* base/* backend.h philox.h", "status.h log.h model.h", "jansson.h"),
    "host/coalition/": rule("coalition/* base/* philox.h shapes.h"),
    "host/explain/": rule("explain/* model/* coalition/* io/* base/* backend.h shapes.h", "*", "jansson.h"),
    "host/bench/": rule("bench/* explain/* model/* io/* base/* backend.h philox.h", "*"),
    "host/evaluate/": rule("evaluate/* explain/* coalition/* model/* io/* base/* global/student.h philox.h shapes.h", "*", "jansson.h"),
    "host/global/": rule("global/* io/* base/*", "*", "jansson.h"),
    "host/importance/": rule("importance/* explain/* coalition/* model/* io/* base/* global/student.h global/fold.h global/row_words.h global/tally.h philox.h shapes.h", "*", "jansson.h"),
    "host/probe/": rule("probe/* explain/* model/* io/* base/* backend.h", "*"),
    "host/cli/": rule("own folder", "*", "jansson.h"),
}
SUFFIXES = (".c", ".h", ".cu", ".cuh", ".c.in", ".h.in")
DIRECTIVE = re.compile(r"^\s*#\s*include\b\s*(.*?)\s*(?://.*|/\*.*)?$")


def rule_of(path):
    matching = [folder for folder in RULES if path.startswith(folder)]
    return RULES[max(matching, key=len)] if matching else None


def allowed(path, argument):
    """Whether the file may include `argument`, the text after #include."""
    here = rule_of(path)
    if here is None:
        return False
    if argument.startswith('"') and argument.endswith('"'):
        name = argument[1:-1]
        if ".." in name.split("/"):
            return False
        if here["quoted"] == ["own", "folder"]:
            return "/" not in name
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in here["quoted"])
    if argument.startswith("<") and argument.endswith(">"):
        name = argument[1:-1]
        if name.startswith("ascribe/"):
            return any(fnmatch.fnmatchcase(name[len("ascribe/"):], pattern) for pattern in here["public"])
        return name in STANDARD or any(fnmatch.fnmatchcase(name, pattern) for pattern in here["libraries"])
    return False  # a macro: nobody can tell


def violations(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        match = DIRECTIVE.match(line)
        if match and not allowed(path, match.group(1)):
            folder = os.path.dirname(path)
            yield "%s:%d: %s may not include %s" % (path, number, folder, match.group(1))


def check(root):
    n_files = 0
    found = []
    for top in ("include", "kernels", "host"):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(names):
                if name.endswith(SUFFIXES):
                    full = os.path.join(folder, name)
                    n_files += 1
                    with open(full, encoding="utf-8") as file:
                        found += violations(os.path.relpath(full, root), file.read())
    for line in found:
        print(line)
    print("%d files, %d violations" % (n_files, len(found)))
    return 1 if found or n_files == 0 else 0


FORBIDDEN = [
    ("include/ascribe/model.h", "#include <hdf5.h>"),
    ("include/ascribe/model.h", '#include "base/fail.h"'),
    ("kernels/backend.c", '#include "base/dense.h"'),
    ("kernels/backend.c", '#include "ref/ref.h"'),
    ("kernels/backend.c", "#include <ascribe/model.h>"),
    ("kernels/ref/pack_ref.c", '#include "cpu/cpu.h"'),
    ("kernels/ref/pack_ref.c", "#include <cblas.h>"),
    ("kernels/cpu/pool_cpu.c", '#include "ref/ref.h"'),
    ("kernels/cpu/pool_cpu.c", '#include "model/model.h"'),
    ("kernels/cpu/pool_cpu.c", "#include <cuda_runtime.h>"),
    ("kernels/cuda/pool_cuda.cu", '#include "cpu/cpu.h"'),
    ("host/base/fail.c", '#include "io/part.h"'),
    ("host/base/fail.c", "#include <ascribe/model.h>"),
    ("host/base/fail.c", "#include <jansson.h>"),
    ("host/io/part.c", '#include "model/model.h"'),
    ("host/io/part.c", '#include "backend.h"'),
    ("host/model/model.c", "#include <hdf5.h>"),
    ("host/model/model.c", "  #  include  <hdf5.h> // why"),
    ("host/model/model.c", '#include "explain/engine.h"'),
    ("host/model/model.c", '#include "ref/ref.h"'),
    ("host/coalition/wls.c", '#include "model/model.h"'),
    ("host/coalition/wls.c", '#include "backend.h"'),
    ("host/explain/run.c", "#include <hdf5.h>"),
    ("host/explain/run.c", '#include "cli/optable.h"'),
    ("host/explain/run.c", '#include "../io/h5file.h"'),
    ("host/explain/run.c", '#include "cpu/cpu.h"'),
    ("host/explain/run.c", '#include "bench/peak.h"'),
    ("host/bench/bench.c", "#include <hdf5.h>"),
    ("host/bench/bench.c", '#include "cpu/cpu.h"'),
    ("host/global/make.c", "#include <hdf5.h>"),
    ("host/global/make.c", '#include "explain/run.h"'),
    ("host/io/global_file.c", '#include "global/cell.h"'),
    ("host/cli/main.c", '#include "base/fail.h"'),
    ("host/cli/main.c", "#include <openssl/sha.h>"),
    ("host/cli/main.c", "#include CONFIGURED_HEADER"),
    ("host/stray.c", '#include "base/fail.h"'),
]
PERMITTED = [
    ("include/ascribe/model.h", "#include <ascribe/status.h>"),
    ("include/ascribe/ascribe.h", "//     #include <hdf5.h>"),
    ("kernels/ref/pack_ref.c", '#include "ref/ref.h"'),
    ("kernels/cpu/gemm_onednn.c", "#include <dnnl.h>"),
    ("host/base/hash.c", "#include <openssl/sha.h>"),
    ("host/io/h5file.h", "#include <hdf5.h> // here only"),
    ("host/model/model.h", '#include "backend.h"'),
    ("host/explain/run.c", '#include "io/merge.h"'),
    ("host/bench/bench.c", '#include "explain/engine.h"'),
    ("host/global/collect.c", '#include "io/result_read.h"'),
    ("host/cli/main.c", '#include "optable.h"'),
    ("host/cli/main.c", "#include <ascribe/explain.h>"),
]


def self_test():
    wrong = ["not found: %s: %s" % case for case in FORBIDDEN if not list(violations(*case))]
    wrong += ["refused: %s: %s" % case for case in PERMITTED if list(violations(*case))]
    for line in wrong:
        print(line)
    print("%d examples, %d wrong" % (len(FORBIDDEN) + len(PERMITTED), len(wrong)))
    return 1 if wrong else 0


def main(arguments):
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-") and arguments[0] != "--self-test"):
        print(__doc__, file=sys.stderr)
        return 64
    if arguments == ["--self-test"]:
        return self_test()
    return check(arguments[0] if arguments else os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
