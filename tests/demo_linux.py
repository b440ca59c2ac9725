# SPDX-License-Identifier: Apache-2.0
"""`make demo-linux`: a program on this machine grows, and a report names the function and the line that does it.

Nothing is staged: what is printed behind a prompt is typed into the shell, and printed by the programs. The exit status
is 1 if the report did not name the leak.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.linux import environment, memtrace
from tests.support.paths import ROOT

INTRODUCTION = """\
A program counts the words of files. After each file it frees what it has kept, and is larger than before. It runs once
under the recorder, unchanged; then the log is asked what leaks.

"""
LOG = "build/examples/linux/words.log"
COUNT = "build/examples/linux/wordcount README.md LICENSE SECURITY.md CONTRIBUTING.md"
STEPS = (
    f"rm -f {LOG}",
    "make -s -C examples/linux",
    f"memtrace run --output {LOG} -- {COUNT}",
    f"memtrace report {LOG} --leaks",
)
CULPRIT = "text_copy"
SECONDS = 300


def typed(line: str) -> str:
    """Run a line as it would be typed, and show it with what it prints. Returns that."""
    words = line.split()
    real = memtrace(*words[1:]) if words[0] == "memtrace" else words
    print(f"$ {line}", flush=True)
    done = subprocess.run(
        real, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS
    )
    print(done.stdout, end="" if done.stdout.endswith("\n") or not done.stdout else "\n", flush=True)
    return done.stdout if done.returncode == 0 else ""


def main() -> int:
    """Play the demo."""
    os.chdir(ROOT)
    print(INTRODUCTION, end="", flush=True)
    report = ""
    for line in STEPS:
        report = typed(line)
    if CULPRIT in report.partition("\n")[0]:
        return 0
    print("demo-linux: the report did not name the leak", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
