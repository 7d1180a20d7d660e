#!/usr/bin/env python3
"""Compares what ptxas reports of every kernel with a list: check_cuda_resources.py LIST FOLDER | --write LIST FOLDER | --self-test

FOLDER holds the *.ptxas reports of a build of kernels/cuda. LIST has one line for each kernel and architecture, "architecture
registers spill_bytes stack_bytes kernel": no kernel may take more registers, spill more or have a larger stack frame than its line says, and none may be
missing on either side. --write makes the list anew: look at the difference before you keep it. Exit status: 0 as listed, 1 not, 64 usage.
"""
import glob
import os
import re
import subprocess
import sys

ENTRY = re.compile(r"Compiling entry function '([^']+)' for '(sm_\w+)'")
STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
HEAD = "# What ptxas reports of each kernel: scripts/check_cuda_resources.py compares a build with this list.\n"
HEAD += "# architecture registers spill_bytes stack_bytes kernel\n"


def parse(text):
    """(architecture, mangled name) -> (registers, bytes of spills, bytes of stack frame) of one report."""
    found = {}
    key, stack = None, (0, 0)
    for line in text.splitlines():
        if match := ENTRY.search(line):
            key, stack = (match.group(2), match.group(1)), (0, 0)
        elif match := STACK.search(line):
            stack = (int(match.group(2)) + int(match.group(3)), int(match.group(1)))
        elif (match := REGISTERS.search(line)) and key:
            found[key] = (int(match.group(1)),) + stack
            key = None
    return found


def demangle(names):
    """Names of kernels with their template arguments, without what they take. c++filt knows CUDA's mangling of plain C++."""
    if not names:
        return {}
    told = subprocess.run(["c++filt"], input="\n".join(names), stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return {name: short(text) for name, text in zip(names, told)}


def short(text):
    """The function's name and template arguments: "void (anonymous namespace)::f<float, 4>(int*)" -> "f<float,4>"."""
    text = re.sub(r"\(anonymous namespace\)::", "", text)
    text = re.sub(r"^void ", "", text)
    depth = 0
    for i, character in enumerate(text):
        depth += (character == "<") - (character == ">")
        if character == "(" and depth == 0:
            text = text[:i]
            break
    return text.replace(" ", "")


def read_reports(folder):
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.ptxas"))):
        with open(path, encoding="utf-8") as file:
            found.update(parse(file.read()))
    names = demangle(sorted({name for _, name in found}))
    return {(architecture, names[name]): use for (architecture, name), use in found.items()}


def read_list(text):
    listed = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            architecture, registers, spills, stack, kernel = line.split(None, 4)
            listed[architecture, kernel] = (int(registers), int(spills), int(stack))
    return listed


def differences(found, listed):
    words = ("registers", "bytes of spills", "bytes of stack")
    for key in sorted(set(found) | set(listed)):
        name = "%s for %s" % (key[1], key[0])
        if key not in listed:
            yield "%s: not listed: %d registers, %d bytes of spills, %d bytes of stack" % ((name,) + found[key])
        elif key not in found:
            yield "%s: listed, but not built" % name
        else:
            for word, use, most in zip(words, found[key], listed[key]):
                if use > most:
                    yield "%s: %d %s, at most %d are listed" % (name, use, word, most)


SAMPLE = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z6kernelIfEvPT_' for 'sm_90'
ptxas info    : Function properties for _Z6kernelIfEvPT_
    8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 8 bytes cumulative stack size
"""


def self_test():
    found = {("sm_90", "kernel<float>"): (40, 16, 8)}
    assert {(a, demangle([n])[n]): use for (a, n), use in parse(SAMPLE).items()} == found
    assert read_list("# head\nsm_90 40 16 8 kernel<float>\n") == found
    assert not list(differences(found, found))
    for line, word in (("39 16 8", "registers"), ("40 15 8", "spills"), ("40 16 7", "stack")):
        told = list(differences(found, read_list("sm_90 %s kernel<float>" % line)))
        assert len(told) == 1 and word in told[0], told
    assert "not listed" in list(differences(found, {}))[0] and "not built" in list(differences({}, found))[0]
    assert short("void (anonymous namespace)::f<float, (int)4>(int*)") == "f<float,(int)4>"
    print("ok")
    return 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) == 3 and arguments[0] == "--write":
        found = read_reports(arguments[2])
        with open(arguments[1], "w", encoding="utf-8") as file:
            file.write(HEAD)
            for (architecture, kernel), use in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
                file.write("%s %d %d %d %s\n" % ((architecture,) + use + (kernel,)))
        return 0
    if len(arguments) != 2 or arguments[0].startswith("--"):
        print(__doc__, file=sys.stderr)
        return 64
    with open(arguments[0], encoding="utf-8") as file:
        listed = read_list(file.read())
    found = read_reports(arguments[1])
    told = list(differences(found, listed))
    for line in told:
        print(line)
    spilling = sum(1 for use in found.values() if use[1])
    print("%d kernels, %d of them spill, %d differences" % (len(found), spilling, len(told)))
    return 1 if told or not found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
