#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs.py LONGSHORE DRIVER.inf ROOT: the generated documents are what the program would write now."""
import pathlib
import subprocess
import sys

longshore, inf, root = sys.argv[1:4]
stale = 0
for name, command in (("conformance.md", ["test", "--list=markdown"]),
                      ("offload.md", ["test", inf, "--markdown", "-"])):
    run = subprocess.run([longshore, *command], capture_output=True, text=True, check=False)
    kept = pathlib.Path(root, "docs", name).read_text()
    if run.returncode != 0 or run.stdout != kept:
        print(f"docs/{name} is not what the program writes (make docs); exit {run.returncode}")
        stale += 1
print(f"2 documents, {stale} stale")
sys.exit(1 if stale else 0)
