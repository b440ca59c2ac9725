# SPDX-License-Identifier: Apache-2.0
"""Sessions shown in the documents are typed again: blocks tagged `gdb-session SCENARIO`; generated pages are current.

A line that begins with the prompt is typed into a GDB in a pty; what follows it must be what is printed, but for
numbers that differ from run to run. `source` and `target remote` stand for the harness's own, a line `...` for any.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from gdbext.commands.reference import pages
from tests.docs import comparison
from tests.support.documents import DOCUMENTS, agree, scenario_of
from tests.support.paths import ROOT
from tests.support.scenario import talk_to_scenario

PROMPT = "(gdb) "
BLOCK = re.compile(r"^```gdb-session (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SESSIONS = [(path, scenario, text) for path in DOCUMENTS for scenario, text in BLOCK.findall(path.read_text())]
OURS = ("source ", "target remote ")


def turns(text: str) -> list[tuple[str, str]]:
    """What is typed, and what must come of it."""
    parts = re.split(rf"^{re.escape(PROMPT)}", text, flags=re.MULTILINE)[1:]
    return [(part.split("\n", 1)[0], part.partition("\n")[2]) for part in parts]


def constants() -> str:
    """Every string of the package, f-strings in their pieces."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "gdbext").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return "\n".join(node.value for node in nodes if isinstance(node.value, str))


def test_what_troubleshooting_quotes_is_said() -> None:
    said = constants()
    rows = re.findall(r"^\| `([^`]*)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(rows) >= 15
    pieces = [piece.strip("; ") for row in rows for piece in row.split("...")]
    assert [piece for piece in pieces if piece not in said] == []


@pytest.mark.parametrize(("path", "scenario", "text"), SESSIONS, ids=[f"{p.name}-{name}" for p, name, _ in SESSIONS])
def test_a_session_goes_as_it_is_shown(path: Path, scenario: str, text: str) -> None:
    variant, name = scenario_of(scenario)
    with talk_to_scenario(name, variant=variant) as (gdb, _):
        for typed, shown in turns(text):
            if typed.startswith(OURS):
                continue
            printed = gdb.command(typed)
            assert agree(shown, printed), f"{path.name}: {typed}\n--- shown\n{shown}--- printed\n{printed}"


def test_there_are_sessions_to_compare() -> None:
    assert {"guide.md", "troubleshooting.md"} <= {path.name for path, _, _ in SESSIONS}


def test_a_wrong_line_is_seen() -> None:
    assert agree("a\n...\nc\n", "a\nb\nb\nc\n")
    assert not agree("a\n...\nc\n", "a\nb\nd\n")


@pytest.mark.parametrize("name", pages())
def test_generated_pages_are_current(name: str) -> None:
    shown = (ROOT / "docs" / name).read_text()
    assert shown.partition("\n## Beside ")[0] == pages()[name], (
        "run: .venv/bin/python -m gdbext.commands.reference docs"
    )


def test_the_comparison_with_the_official_checkers_is_what_comes_out() -> None:
    written = comparison.PAGE.read_text(encoding="utf-8")
    assert written.endswith(f"\n{comparison.section()}"), "run: .venv/bin/python -m tests.docs.comparison"
