# SPDX-License-Identifier: Apache-2.0
"""The C of how-to pages about the target compiles: the blocks of a page, one behind the other, without a warning."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.documents import DOCS
from tests.support.paths import ROOT

PAGES = ["count-memory-by-module", "keep-the-run-before", "name-heaps-and-modules"]
BLOCK = re.compile(r"^```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACES = ("include", "usage", "ports/template")
# What a page leaves to its reader.
HEAD = """
void packets_receive(void);
"""


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("bits", [32, 64])
def test_the_code_of_a_page_compiles(page: str, bits: int, tmp_path: Path) -> None:
    blocks = BLOCK.findall((DOCS / "how-to" / f"{page}.md").read_text())
    assert blocks
    source = tmp_path / "page.c"
    source.write_text("\n".join([HEAD, *blocks]))
    includes = [f"-I{ROOT / 'c_helpers' / place}" for place in PLACES]
    flags = ["-std=c11", f"-m{bits}", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-DMEMTRACE_TAGS=1"]
    done = subprocess.run(["gcc", *flags, *includes, "-fsyntax-only", str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
