# SPDX-License-Identifier: Apache-2.0
"""docs/reference/json.md: its examples are what is printed, and each of their fields has a row in a table."""

from __future__ import annotations

import json
import re

import pytest

from tests.docs import json_examples as examples
from tests.support.paths import ROOT

TEXT = examples.PAGE.read_text(encoding="utf-8")
SHOWN = examples.BLOCK.findall(TEXT)
COMMANDS = (
    "check",
    "last",
    "blocks",
    "free",
    "view",
    "bins",
    "leaks",
    "refs",
    "log",
    "report",
    "tree",
    "diff",
    "export",
    "status",
    "watch",
    "save",
    "mark",
)


@pytest.mark.parametrize(("scenario", "stop", "command", "text"), SHOWN, ids=[f"{one[0]}-{one[2]}" for one in SHOWN])
def test_an_example_is_what_is_printed(scenario: str, stop: str, command: str, text: str) -> None:
    printed = examples.cut(examples.printed(scenario, stop, command))
    assert examples.steady(json.loads(text)) == examples.steady(printed), "run: python -m tests.docs.json_examples"
    assert set(examples.keys(printed)) - named() == set(), "fields that no table and no sentence of the page names"


def named() -> set[str]:
    """Every field that the page names outside of its examples."""
    return set(re.findall(r"`(\w+)`", examples.BLOCK.sub("", TEXT)))


def test_every_kind_of_explanation_is_described() -> None:
    """A kind is what `Case.tell` is given, however the code is cut into files."""
    code = "\n".join(path.read_text() for path in (ROOT / "gdbext").rglob("*.py"))
    told = set(re.findall(r"\btell\(\s*\w+,\s*\"([a-z-]+)\"", code))
    table = TEXT.partition("| kind | what happened |")[2].partition("\n\n")[0]
    assert len(told) > 5
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == told


def test_every_command_has_an_example() -> None:
    said = " ".join(command for _, _, command, _ in SHOWN)
    assert [command for command in COMMANDS if command not in said] == []
    headings = re.findall(r"^## (.*)", TEXT, re.MULTILINE)
    assert {*COMMANDS[:-1], "start, stop, frees-only, mark"} <= set(headings)


def test_an_example_is_cut_and_compared() -> None:
    report = {"events": [1, 2, 3], "seq": 4, "trace": {"kept": 1}}
    assert examples.cut(report) == {"events": [1, 2, "..."], "seq": 4, "trace": "..."}
    assert examples.steady({"seq": 4, "size": 4}) == examples.steady({"seq": 5, "size": 4})
    assert examples.steady({"seq": 4, "size": 4}) != examples.steady({"seq": 4, "size": 5})
    assert json.loads(examples.laid_out({"a": [{"b": "x" * 200}], "c": []})) == {"a": [{"b": "x" * 200}], "c": []}
