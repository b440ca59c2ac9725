# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference/: commands.md, checks.md and report.schema.json, from the tables that the program itself uses.

    python3 -m gdbext.faces.reference docs

writes all three. Rejected: argparse's own help texts, which differ from one Python version to the next.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, List, Sequence, Union

from gdbext.analyse.rules_given import GIVEN_RULES
from gdbext.analyse.rules_shared import SHARED_RULES
from gdbext.analyse.rules_trace import TRACE_RULES, TraceRule
from gdbext.commands import command_named, headings
from gdbext.commands.command import OUTPUT, Argument
from gdbext.commands.parsing import explained, spelled
from gdbext.heap.facts import Rule
from gdbext.heap.registry import allocators
from gdbext.report.schema import schema_of
from gdbext.target.settings import SETTINGS, Settings

_NOTE = "<!-- Written by `python3 -m gdbext.faces.reference docs`; a test compares. -->"
_HEAD = """\
In GDB each command has its long name, and daily ones a short one. The shell knows the long names, over a core (its
file stands before or behind the address) and over images (`--image BASE=FILE`), with the program's symbols (`--elf
APP.elf`), without the commands that need a target; `gdb` is the shell's alone. An address is any expression in
GDB. In the shell it is a number, or with `--elf` a NAME or `&NAME` of the symbol table; `+4` or `-4` behind it are
bytes. The NAME of a pointer is its value, any other NAME its place."""


def commands_page() -> str:
    """Returns the text of docs/reference/commands.md."""
    rows = []
    for name, heading in headings():
        short = "" if heading.called.startswith("memtrace ") else f"`{heading.called}`"
        where = f" ({heading.only})" if heading.only else ""
        rows.append(f"| {short} | `memtrace {name}` | {heading.summary}{where} |")
    head = ["# Commands", "", _NOTE, "", _HEAD, ""]
    table = ["| short | command | what |", "|---|---|---|", *rows]
    sections: List[str] = []
    for name, heading in headings():
        sections += ["", f"## {heading.called}", "", heading.summary, "", "| argument | what |", "|---|---|"]
        sections += [_row(argument) for argument in command_named(name).arguments if argument not in OUTPUT]
    settings = ["", "## Settings", "", "`set memtrace NAME VALUE`, `show memtrace NAME`, in GDB.", ""]
    settings += ["| name | what | values | at first |", "|---|---|---|---|"]
    for name, what, values in SETTINGS:
        value = getattr(Settings(), name.replace("-", "_"))
        first = {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
        meanings = "; ".join(f"`{one}`: {meaning}" for one, meaning in values if one)
        settings.append(f"| `{name}` | {what} | {meanings} | {first} |")
    outputs = ["", "## The report of any command", "", "| argument | what |", "|---|---|", *map(_row, OUTPUT)]
    return "\n".join([*head, *table, *sections, *outputs, *settings, ""])


def _row(argument: Argument) -> str:
    escaped = spelled(argument).replace("|", "\\|")
    return f"| `{escaped}` | {explained(argument)} |"


def checks_page() -> str:
    """Returns the text of docs/reference/checks.md."""
    what = "What `heap-check` holds against a heap; the id stands in `rule` of its `--json`."
    kinds: Dict[Sequence[Union[Rule, TraceRule]], List[str]] = {}
    for allocator in allocators():
        kinds.setdefault(allocator.rules, []).append(allocator.kind)
    rows: List[str] = []
    kinds[TRACE_RULES], kinds[GIVEN_RULES] = ["The trace and the heap"], ["The calls at a stop and the heap"]
    kinds[SHARED_RULES] = ["A heap and the memory of others"]
    for rules, titles in kinds.items():
        rows += [f"## {', '.join(titles)}", "", "| id | what must be so | else |", "|---|---|---|"]
        rows += [*(f"| `{rule.id}` | {rule.sentence} | {rule.severity} |" for rule in rules), ""]
    return "\n".join(["# Checks", "", _NOTE, "", what, "", *rows])


def pages() -> Dict[str, str]:
    """Returns the text of each page, by its path in docs/."""
    reports = (command_named(name).report for name, _ in headings())
    schema = schema_of(list(dict.fromkeys(report for report in reports if report is not None)))
    pages = {"commands.md": commands_page(), "checks.md": checks_page(), "report.schema.json": schema}
    return {f"reference/{name}": text for name, text in pages.items()}


if __name__ == "__main__":
    for name, text in pages().items():
        page = Path(sys.argv[1], name)
        by_hand = page.read_text(encoding="utf-8").partition("\n## Beside ")
        page.write_text(text + "".join(by_hand[1:]), encoding="utf-8")
