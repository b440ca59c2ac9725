# SPDX-License-Identifier: Apache-2.0
"""Sessions shown in the documents are typed again: blocks tagged `gdb-session SCENARIO`; generated pages are current.

A line that begins with the prompt is typed into a GDB in a pty; what follows it must be what is printed, but for
numbers that differ from run to run. `source` and `target remote` stand for the harness's own, a line `...` for any.
"""

from __future__ import annotations

import ast
import re

import pytest

from gdbext.faces.reference import pages
from tests.docs import comparison
from tests.support.documents import DOCS, Shown, agree, blocks, name_of, scenario_of, turns
from tests.support.paths import ROOT
from tests.support.scenario import talk_to_scenario

SESSIONS = blocks("gdb-session")
OURS = ("source ", "target remote ")


def constants() -> str:
    """Every string of the package, f-strings in their pieces."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "gdbext").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return "\n".join(node.value for node in nodes if isinstance(node.value, str))


def test_what_troubleshooting_quotes_is_said() -> None:
    said = constants()
    rows = re.findall(r"^\| `([^`]*)` \|", (DOCS / "how-to" / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(rows) >= 15
    pieces = [piece.strip("; ") for row in rows for piece in row.split("...")]
    assert [piece for piece in pieces if piece not in said] == []


@pytest.mark.parametrize("shown", SESSIONS, ids=lambda shown: shown.id)
def test_a_session_goes_as_it_is_shown(shown: Shown) -> None:
    variant, name = scenario_of(shown.tag)
    with talk_to_scenario(name, variant=variant) as (gdb, _):
        for typed, wanted in turns(shown.text):
            if typed.startswith(OURS):
                continue
            printed = gdb.command(typed)
            assert agree(wanted, printed), f"{shown.id}: {typed}\n--- shown\n{wanted}--- printed\n{printed}"


def test_there_are_sessions_to_compare() -> None:
    assert {"docs/how-to/find-who-broke-the-heap.md", "docs/how-to/troubleshooting.md"} <= {
        name_of(shown.path) for shown in SESSIONS
    }


def test_a_wrong_line_is_seen() -> None:
    assert agree("a\n...\nc\n", "a\nb\nb\nc\n")
    assert not agree("a\n...\nc\n", "a\nb\nd\n")


@pytest.mark.parametrize("name", pages())
def test_generated_pages_are_current(name: str) -> None:
    shown = (DOCS / name).read_text()
    assert shown.partition("\n## Beside ")[0] == pages()[name], "run: .venv/bin/python -m gdbext.faces.reference docs"


def test_the_comparison_with_the_official_checkers_is_what_comes_out() -> None:
    written = comparison.PAGE.read_text(encoding="utf-8")
    assert written.endswith(f"\n{comparison.section()}"), "run: .venv/bin/python -m tests.docs.comparison"
