# SPDX-License-Identifier: Apache-2.0
"""What the documents show is what is printed: blocks tagged `gdb-output SCENARIO`, links, commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import fixtures
from tests.support.documents import DOCUMENTS, Shown, anchors, blocks, broken_links, name_of, scenario_of, steady
from tests.support.gdb import Capture
from tests.support.paths import ROOT
from tests.support.scenario import run_scenario

BLOCKS = blocks("gdb-output")


@pytest.mark.parametrize("shown", BLOCKS, ids=lambda shown: shown.id)
def test_output_is_what_gdb_prints(shown: Shown) -> None:
    variant, name = scenario_of(shown.tag)
    done = run_scenario(name, [Capture("heap-check")], variant=variant)
    assert steady(done.captured[0].output) == steady(shown.text), f"{shown.id}: run it again and paste what it prints"


def test_there_is_output_to_compare() -> None:
    assert {"docs/reference/report.md"} <= {name_of(shown.path) for shown in BLOCKS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    assert list(broken_links(path)) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# One `two`: three\n\n```\n# no heading\n```\n\n## Again\n\n## Again\n")
    page = tmp_path / "a.md"
    page.write_text(
        "[](b.md) [](b.md#one-two-three) [](b.md#again-1) [](https://x.example/#y) [](c.md) [](b.md#no-heading)"
    )
    assert anchors((tmp_path / "b.md").read_text()) == {"one-two-three", "again", "again-1"}
    assert list(broken_links(page)) == ["c.md", "b.md#no-heading"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_make_targets_in_documents_exist(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|^    )make ([a-z][a-z-]+)", path.read_text(), re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_exit_status_is_what_the_script_page_says() -> None:
    """`memtrace check --image ... --heap ...` on a real image: 1 for a damaged heap, else 0."""
    for case_id, status in (("a030", 1), ("a005", 0)):
        case = fixtures.case(case_id)
        image = case.images[0]
        command = [sys.executable, "-m", "gdbext", "check", "--image", f"{image.base:#x}={image.path}"]
        done = subprocess.run([*command, "--heap", case.heap.option], cwd=ROOT, env=os.environ, capture_output=True)
        assert done.returncode == status, done.stderr
