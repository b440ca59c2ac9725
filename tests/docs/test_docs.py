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
from tests.support.documents import DOCUMENTS, scenario_of, steady
from tests.support.gdb import Capture
from tests.support.paths import ROOT
from tests.support.scenario import run_scenario

BLOCK = re.compile(r"^```gdb-output (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(path, scenario, text) for path in DOCUMENTS for scenario, text in BLOCK.findall(path.read_text())]


@pytest.mark.parametrize(("path", "scenario", "text"), BLOCKS, ids=[f"{path.name}-{name}" for path, name, _ in BLOCKS])
def test_output_is_what_gdb_prints(path: Path, scenario: str, text: str) -> None:
    variant, name = scenario_of(scenario)
    done = run_scenario(name, [Capture("heap-check")], variant=variant)
    assert steady(done.captured[0].output) == steady(text), f"{path.name}: run it again and paste what it prints"


def test_there_is_output_to_compare() -> None:
    assert {"README.md", "guide.md"} <= {path.name for path, _, _ in BLOCKS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_in_documents_exist(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|^    )make ([a-z][a-z-]+)", path.read_text(), re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_shell_command_of_the_guide() -> None:
    """`memtrace check --image ... --heap ...` on a real image, with the exit status that the guide gives."""
    for case_id, status in (("a030", 1), ("a005", 0)):
        case = fixtures.case(case_id)
        image = case.images[0]
        command = [sys.executable, "-m", "gdbext", "check", "--image", f"{image.base:#x}={image.path}"]
        done = subprocess.run([*command, "--heap", case.heap.option], cwd=ROOT, env=os.environ, capture_output=True)
        assert done.returncode == status, done.stderr
