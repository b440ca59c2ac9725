# SPDX-License-Identifier: Apache-2.0
"""Code that is none: whatever bytes lie where a return address leads, thumb.h looks at code alone, and not for long."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.recorder import HELPERS

SOURCE = ROOT / "tests" / "unit" / "c" / "thumb" / "rules.c"
FLAGS = ("-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsanitize=address,undefined")


@pytest.mark.parametrize("short", [(), ("-DMEMTRACE_ARM_SHORT",)], ids=["m4", "m0"])
def test_random_code_is_looked_at_within_bounds(short: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "memtrace_port.h").touch()
    program = tmp_path / "rules"
    folders = (f"-I{tmp_path}", f"-I{HELPERS}")
    subprocess.run(
        ["gcc", *FLAGS, "-fno-sanitize-recover", *short, *folders, str(SOURCE), "-o", str(program)], check=True
    )
    for seed in range(4):
        done = subprocess.run([str(program), "fuzz", str(seed), "2000"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[:2000]
        known = re.match(r"(\d+) known, (\d+) looks at most", done.stdout)
        assert known is not None and int(known[1]) > 1000 and int(known[2]) < 60_000
