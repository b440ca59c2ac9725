# SPDX-License-Identifier: Apache-2.0
"""The steps that a port's README asks of a new user, carried out in his folder and counted.

A step is a block of the README's section "Put it in" or "Take it out":

    sh              lines for the user's shell, in his project's folder
    add FILE        lines that he adds to the end of a file of his project, which is made if there is none
    change FILE     a line that is there, and the lines that he makes of it (none: it goes)

REPOSITORY stands for the address of this repository.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

MOST_STEPS, MOST_LINES = 5, 10
_BLOCK = re.compile(r"^```(sh|add|change) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """One block: what is done with which file."""

    how: str
    file: str
    lines: tuple[str, ...]


def steps_of(readme: Path, section: str = "Put it in") -> list[Step]:
    """The steps of one section of a README."""
    text = readme.read_text(encoding="utf-8").split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return [Step(how, file, tuple(body.splitlines())) for how, file, body in _BLOCK.findall(text)]


def are_few(steps: list[Step]) -> bool:
    """Are they no more than a new user may be asked for?"""
    return 0 < len(steps) <= MOST_STEPS and sum(len(step.lines) for step in steps) <= MOST_LINES


def carry_out(steps: list[Step], folder: Path) -> None:
    """Does what the steps say, in the folder of a user's project."""
    for step in steps:
        if step.how == "sh":
            _type("\n".join(step.lines).replace("REPOSITORY", str(ROOT)), folder)
            continue
        path = folder / step.file
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if step.how == "add":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join([before.rstrip("\n"), *step.lines, ""]).lstrip("\n"), encoding="utf-8")
            continue
        there, *wanted = (f"{line}\n" for line in step.lines)
        assert before.count(there) == 1, f"{step.file} has no line {there!r}"
        path.write_text(before.replace(there, "".join(wanted)), encoding="utf-8")


def with_python() -> dict[str, str]:
    """The environment of a user whose python3 has what the build tools of his system need, as ours has."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def _type(line: str, folder: Path) -> None:
    command = ["bash", "-e", "-c", line]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=with_python())
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
