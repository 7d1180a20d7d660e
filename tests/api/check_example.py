#!/usr/bin/env python3
"""check_example.py ROOT: the program in the head of include/ascribe/ascribe.h is tests/api/example.c, and ascribe.h and
use_public.cpp cover every public header. Exit status: 0 so it is, 1 not."""
import glob
import os
import re
import sys

root = sys.argv[1]


def read(path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


umbrella = read("include/ascribe/ascribe.h")
shown = [line[7:] for line in umbrella.split("#ifndef")[0].split("\n") if line.startswith("//     ") or line == "//"]
program = "\n".join(shown[next(i for i, line in enumerate(shown) if line.startswith("#include")):]).strip() + "\n"
wrong = []
if program != read("tests/api/example.c").split("\n", 1)[1]:  # without its first comment
    wrong.append("the program in ascribe.h differs from tests/api/example.c")
used = read("tests/api/use_public.cpp")
for path in sorted(glob.glob(os.path.join(root, "include/ascribe/*.h*"))):
    name = re.sub(r"\.in$", "", os.path.basename(path))
    if name == "ascribe.h":
        continue
    if "#include <ascribe/%s>" % name not in umbrella:
        wrong.append("ascribe.h does not include %s" % name)
    if '"%s: ' % name not in used:
        wrong.append("use_public.cpp calls nothing of %s" % name)
print("\n".join(wrong) or "the example is the header's, every public header is used")
sys.exit(1 if wrong else 0)
