# SPDX-License-Identifier: Apache-2.0
"""docs/reference/commands.md and docs/reference/checks.md, made of the tables that the program itself works from.

    python3 -m gdbext.commands.reference docs

writes both. Rejected: argparse's own help texts, which differ from one Python to the next.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Union

from gdbext.analyse.rules_trace import TRACE_RULES, TraceRule
from gdbext.commands.launch import LAUNCH
from gdbext.commands.settings import SETTINGS, Settings
from gdbext.commands.table import COMMANDS, Described, spelled, visible
from gdbext.heap.facts import Rule
from gdbext.heap.registry import ALLOCATORS

_NOTE = "<!-- Written by `python3 -m gdbext.commands.reference docs`; a test compares. -->"
_HEAD = """\
In GDB each command has its long name, and daily ones a short one. The shell knows the long names, over a core (its file
stands behind the command and its address) and over images (`--image BASE=FILE`), with the program's symbols
(`--elf APP.elf`), without the commands that need a target; `gdb` is the shell's alone."""


def commands_page() -> str:
    """docs/reference/commands.md."""
    rows = [
        f"| {f'`{command.alias}`' if command.alias else ''} | `memtrace {command.name}` | {command.summary} |"
        for command in COMMANDS
    ]
    head = ["# Commands", "", _NOTE, "", _HEAD, ""]
    table = ["| short | command | what |", "|---|---|---|", *rows, f"| | `memtrace {LAUNCH.name}` | {LAUNCH.summary} |"]
    sections = (line for command in (*COMMANDS, LAUNCH) for line in _command(command))
    return "\n".join([*head, *table, *sections, *_settings(), ""])


def _command(command: Described) -> Iterator[str]:
    yield from ("", f"## {command.alias or f'memtrace {command.name}'}", "", command.summary, "")
    yield from ("| argument | what |", "|---|---|")
    for argument in visible(command.arguments):
        escaped = spelled(argument).replace("|", "\\|")
        choices = argument.settings.get("choices")
        more = f": {', '.join(choices)}" if choices and "metavar" in argument.settings else ""
        yield f"| `{escaped}` | {argument.help}{more} |"


def _settings() -> Iterator[str]:
    yield from ("", "## Settings", "", "`set memtrace NAME VALUE`, `show memtrace NAME`, in GDB.", "")
    yield from ("| name | what | values | at first |", "|---|---|---|---|")
    for row in SETTINGS:
        value = getattr(Settings(), row.name.replace("-", "_"))
        first = {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
        yield f"| `{row.name}` | {row.what} | {', '.join(row.choices)} | {first} |"


def checks_page() -> str:
    """docs/reference/checks.md."""
    what = "What `heap-check` holds against a heap; the id stands in `rule` of its `--json`."
    kinds: Dict[Sequence[Union[Rule, TraceRule]], List[str]] = {}
    for kind, allocator in ALLOCATORS.items():
        kinds.setdefault(allocator.rules, []).append(kind)
    rows: List[str] = []
    for rules, titles in {**kinds, TRACE_RULES: ["The trace and the heap"]}.items():
        rows += [f"## {', '.join(titles)}", "", "| id | what must be so | else |", "|---|---|---|"]
        rows += [*(f"| `{rule.id}` | {rule.sentence} | {rule.severity} |" for rule in rules), ""]
    return "\n".join(["# Checks", "", _NOTE, "", what, "", *rows])


def pages() -> Dict[str, str]:
    """The pages by their paths in docs/."""
    return {"reference/commands.md": commands_page(), "reference/checks.md": checks_page()}


if __name__ == "__main__":
    for name, text in pages().items():
        page = Path(sys.argv[1], name)
        by_others = page.read_text(encoding="utf-8").partition("\n## Beside ")
        page.write_text(text + "".join(by_others[1:]), encoding="utf-8")
