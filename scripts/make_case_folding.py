#!/usr/bin/env python3
"""Makes the table of full case folding for host/global/fold.c: make_case_folding.py > host/global/fold_table.h

From the Unicode data of the Python that runs it: str.casefold of every character. Runs of characters that are `step` apart and fold to
characters at the same distance become one line; characters that fold to several have a line each.
"""
import sys
import unicodedata


def folds():
    for code in range(0x80, 0x110000):
        if not 0xD800 <= code < 0xE000 and chr(code).casefold() != chr(code):
            yield code, [ord(character) for character in chr(code).casefold()]


def runs(single):
    """(first, last, step, distance): lines of equal distance, one or two apart."""
    found = []
    for code, folded in single:
        distance = folded - code
        if found:
            first, last, step, before = found[-1]
            gap = code - last
            if before == distance and (gap == step or (first == last and gap in (1, 2))):
                found[-1] = (first, code, gap, distance)
                continue
        found.append((code, code, 1, distance))
    return found


def lines(items, per_line):
    for at in range(0, len(items), per_line):
        yield "    " + " ".join(items[at : at + per_line])


def main():
    every = list(folds())
    single = runs([(code, folded[0]) for code, folded in every if len(folded) == 1])
    several = [(code, folded + [0] * (3 - len(folded))) for code, folded in every if len(folded) > 1]
    print("// Full case folding of characters from U+0080 on, Unicode %s. Made by scripts/make_case_folding.py." % unicodedata.unidata_version)
    print("#ifndef ASCRIBE_GLOBAL_FOLD_TABLE_H\n#define ASCRIBE_GLOBAL_FOLD_TABLE_H\n\n#include <stdint.h>\n")
    print("// first, last, step between characters, distance to what they fold to")
    print("static const struct fold_run {\n    uint32_t first, last, step;\n    int32_t distance;\n} fold_runs[] = {")
    print("\n".join(lines(["{0x%x, 0x%x, %d, %d}," % run for run in single], 4)))
    print("};\n\n// Characters that fold to two or three; 0: no third one.")
    print("static const struct fold_several {\n    uint32_t from, to[3];\n} fold_several[] = {")
    print("\n".join(lines(["{0x%x, {0x%x, 0x%x, 0x%x}}," % (code, *folded) for code, folded in several], 4)))
    print("};\n\n#endif")


if __name__ == "__main__":
    sys.exit(main())
