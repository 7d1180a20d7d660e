#!/usr/bin/env python3
"""check_symbols.py NM LIBRARY: a program that links the library sees asc_* names only. Exit status: 0 so it is, 1 not."""
import subprocess
import sys

nm, library = sys.argv[1:]
kind = ["--dynamic"] if ".so" in library else []
lines = subprocess.run([nm, "--extern-only", "--defined-only", *kind, library], check=True, capture_output=True, text=True).stdout
names = [fields[2] for fields in map(str.split, lines.split("\n")) if len(fields) == 3]
foreign = [name for name in names if not name.startswith("asc_")]
print("%d names, %d of them not asc_*: %s" % (len(names), len(foreign), " ".join(foreign[:10])))
sys.exit(1 if foreign or "asc_explain" not in names else 0)
