#!/usr/bin/env python3
"""Checks what a script can check of CONTRIBUTING.md's rules: check_style.py [ROOT] | --self-test

Sizes of files, functions and parameter lists; no tabs, no notes to ourselves; below host/cli no exit, no printing,
no environment variables; no paths of the machine that a file was written on; a first comment that says what a file is
for. It looks at the files that git tracks or would track, or at all below ROOT when there is no git.
Exit status: 0 nothing found, 1 a violation (one line each), 64 usage.
"""
import ast
import os
import re
import subprocess
import sys

MOST_FILE_LINES = 600
MOST_FUNCTION_LINES = 60
MOST_PARAMETERS = 6

CODE = (".c", ".h", ".cu", ".cuh", ".c.in", ".h.in")
C_KEYWORDS = ("if", "for", "while", "switch", "return", "sizeof", "do", "else")
NOTE = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
LOCAL_PATH = re.compile(r"(?<![\w.}~-])/(?:wor[k]|roo[t])(?![\w-])|\.\./share[d]\b|/tmp/[w]\b")
LIBRARY_MAY_NOT = re.compile(
    r"\b(?:(?:_Exit|exit|quick_exit|printf|vprintf|puts|putchar|perror|getenv|secure_getenv|setenv|system)\s*\("
    r"|(?:stdout|stderr|environ)\b)"
)


def without_comments_and_strings(text):
    """C text with comments, literals and preprocessor directives blanked, the same lines."""
    pattern = re.compile(
        r"//(?:\\\n|[^\n])*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:\\\n|[^\n])*",
        re.S | re.M,
    )

    def blank(match):
        piece = match.group(0)
        quotes = piece[0] * 2 if piece[0] in "\"'" else ""
        return quotes + "\n" * piece.count("\n")

    return pattern.sub(blank, text)


def parameters_of(header):
    """(name, number of parameters) of a definition's text before its brace, or None when it defines no function.

    A last `asc_error *err` is not counted: every function that can fail has it.
    """
    header = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", "", header).rstrip()
    if not header.endswith(")") or "=" in header:
        return None
    depth = 0
    for at in range(len(header) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(header[at], 0)
        if depth == 0:
            break
    name = re.search(r"(\w+)\s*$", header[:at])
    if not name or name.group(1) in C_KEYWORDS:
        return None
    inside = re.sub(r",\s*asc_error\s*\*\s*\w*\s*$", "", header[at + 1 : -1])
    commas = depth = 0
    for character in inside:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        commas += character == "," and depth == 0
    return name.group(1), 0 if inside.strip() in ("", "void") else commas + 1


def c_functions(text):
    """(name, first line, number of lines, number of parameters) of every function definition."""
    clean = without_comments_and_strings(text)
    clean = re.sub(r'extern\s*""\s*\{', lambda match: " " * len(match.group(0)), clean)
    depth = 0
    start = 0  # of the text that may be a definition's header
    current = None
    for match in re.finditer(r"[{};]", clean):
        at, character = match.start(), match.group(0)
        if character == "{":
            if depth == 0:
                header = clean[start:at]
                described = parameters_of(header)
                first = clean.count("\n", 0, start + len(header) - len(header.lstrip())) + 1
                current = described and (described, first)
            depth += 1
        elif character == "}":
            depth = max(0, depth - 1)
            if depth == 0 and current:
                (name, n_parameters), first = current
                yield name, first, clean.count("\n", 0, at) + 2 - first, n_parameters
                current = None
        if depth == 0:
            start = at + 1


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno + 1 - node.lineno, 0


def is_shell(path, text):
    return path.endswith(".sh") or re.match(r"#!.*\b(?:ba|da|z)?sh\b", text) is not None


def is_python(path, text):
    return path.endswith(".py") or re.match(r"#!.*\bpython", text) is not None


def has_purpose(path, text):
    """Whether the first thing after #! is a comment (a docstring in Python)."""
    body = re.sub(r"\A#!.*\n", "", text).lstrip()
    if path.endswith(CODE):
        return body.startswith(("//", "/*"))
    return body.startswith(("# ", '"""', "'''")) or (is_python(path, text) and not body)


def style_of_functions(path, text):
    functions = c_functions(text) if path.endswith(CODE) else python_functions(text)
    for name, line, n_lines, n_parameters in functions:
        if n_lines > MOST_FUNCTION_LINES:
            yield line, "%s: expected at most %d lines, found %d" % (name, MOST_FUNCTION_LINES, n_lines)
        if n_parameters > MOST_PARAMETERS:
            yield line, "%s: expected at most %d parameters, found %d" % (name, MOST_PARAMETERS, n_parameters)


def matches(pattern, text, message):
    for match in pattern.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, message % match.group(0)


def violations(path, text):
    """(line, message) of everything that is wrong with the file."""
    script = is_python(path, text) or is_shell(path, text)
    library = path.startswith(("kernels/", "host/", "include/")) and not path.startswith("host/cli/")
    yield from matches(LOCAL_PATH, text, "'%s' exists on one machine only")
    if path.startswith("data/") and not path.endswith(".md") or path == "LICENSE":
        return
    yield from matches(NOTE, text, "'%s': do it or open an issue")
    if not (path.endswith(CODE) or script):
        return
    n_lines = len(text.splitlines())
    if n_lines > MOST_FILE_LINES:
        yield n_lines, "expected at most %d lines, found %d" % (MOST_FILE_LINES, n_lines)
    if not path.startswith("tests/cli/cases/") and not has_purpose(path, text):
        yield 1, "expected a first comment that says what the file is for"
    yield from matches(re.compile("\t"), text, "tab%.0s")
    if path.endswith(CODE) or is_python(path, text):
        yield from style_of_functions(path, text)
    if library and path.endswith(CODE):
        yield from matches(LIBRARY_MAY_NOT, without_comments_and_strings(text), "'%s' is for host/cli only")


def files_below(root):
    command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
        return sorted(set(name for name in listed if name and os.path.isfile(os.path.join(root, name))))
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in (".git", "build", "__pycache__")]
            found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
        return sorted(found)


def check(root):
    n_files = n_found = 0
    for path in files_below(root):
        with open(os.path.join(root, path), "rb") as file:
            content = file.read()
        if b"\0" in content[:8192]:
            continue
        n_files += 1
        for line, message in sorted(violations(path, content.decode("utf-8", "replace"))):
            n_found += 1
            print("%s:%d: %s" % (path, line, message))
    print("%d text files, %d violations" % (n_files, n_found))
    return 1 if n_found or n_files == 0 else 0


HEAD = "// Purpose.\n"
LONG = "int f(void)\n{\n" + "    g();\n" * 58 + "}\n"  # 61 lines
FORBIDDEN = [
    ("host/io/a.c", "int a;\n", "first comment"),
    ("scripts/a.py", "#!/usr/bin/env python3\nimport os\n", "first comment"),
    ("scripts/a", "#!/usr/bin/env bash\nset -e\n", "first comment"),
    ("host/io/a.c", HEAD + "int a;\n" * 600, "at most 600 lines"),
    ("host/io/a.c", HEAD + LONG, "f: expected at most 60 lines, found 61"),
    ("host/io/a.c", HEAD + "static const char *" + LONG[4:].replace("g();", "if (x) { g('{', \"{\"); } /* { */"), "f: expected"),
    ("host/io/a.h", HEAD + 'extern "C" {\n' + LONG + "}\n", "f: expected"),
    ("scripts/a.py", '"""P."""\ndef f():\n' + "    g()\n" * 60, "f: expected at most 60"),
    ("host/io/a.c", HEAD + "void f(int a, int b, int c, int d,\n       int e, void (*g)(int, int), int h)\n{\n}\n", "found 7"),
    ("host/io/a.c", HEAD + "int\ta;\n", "tab"),
    ("tests/a.c", HEAD + "// TO" "DO: later\n", "do it"),
    ("README.md", "FIX" "ME\n", "do it"),
    ("host/io/a.c", HEAD + "void f(void)\n{\n    exit(1);\n}\n", "host/cli only"),
    ("host/io/a.c", HEAD + "void f(void)\n{\n    printf(\"x\");\n}\n", "host/cli only"),
    ("kernels/a.c", HEAD + "void f(void)\n{\n    fprintf(stderr, \"x\");\n}\n", "host/cli only"),
    ("host/base/a.c", HEAD + "const char *f(void)\n{\n    return getenv(\"X\");\n}\n", "host/cli only"),
    ("README.md", "see /wo" "rk/main\n", "one machine"),
    ("data/a.json", '{"path": "/ro' 'ot/x"}\n', "one machine"),
    ("host/io/a.c", HEAD + "// ../sha" "red/x\n", "one machine"),
    ("scripts/a", "#!/bin/sh\n# P.\ncd /tmp/" "w/x\n", "one machine"),
]
PERMITTED = [
    ("host/io/a.c", HEAD + LONG.replace("    g();\n", "", 1)),
    ("host/io/a.c", HEAD + "int a[] = {\n" + "    1,\n" * 100 + "};\n"),
    ("host/io/a.c", HEAD + "#define M(a, b, c, d, e, f, g) \\\n    { a }\nint x;\n"),
    ("host/io/a.c", HEAD + "void f(int a, int b, int c, int d, int e, void (*g)(int, int))\n{\n    _exit(0); // exit(1)\n}\n"),
    ("host/io/a.c", HEAD + "asc_status f(int a, int b, int c, int d, int e, int g, asc_error *err)\n{\n}\n"),
    ("host/io/a.c", HEAD + "void f(char *s)\n{\n    snprintf(s, 1, \"printf(%d) getenv(\", 1);\n}\n"),
    ("host/cli/a.c", HEAD + "void f(void)\n{\n    printf(\"%s\", getenv(\"X\"));\n}\n"),
    ("scripts/a.py", '#!/usr/bin/env python3\n"""P."""\n'),
    ("data/demo/texts.tsv", "1\txX" "X XX" "X\n"),
    ("README.md", "https://host/wo" "rk and net/ro" "ot; mkstemp XXXXXX\n"),
]


def self_test():
    wrong = []
    for path, text, message in FORBIDDEN:
        if not any(message in found for _, found in violations(path, text)):
            wrong.append("not found: %s: %s" % (path, message))
    for path, text in PERMITTED:
        wrong += ["refused: %s: %s" % (path, found) for _, found in violations(path, text)]
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
