# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/reference/json.md: what commands really print, cut to a readable length.

A block is tagged ```` ```json-output SCENARIO[@STOP]: COMMAND ````: the command is run in a real GDB at the breakpoint
STOP of the scenario, else where its allocator asserts. Of a list two entries are shown, then "...".
`python -m tests.docs.json_examples` writes the blocks anew; a test compares, numbers of events and reads aside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.support.documents import DOCS
from tests.support.gdb import Capture
from tests.support.paths import ROOT
from tests.support.scenario import run_scenario

PAGE = DOCS / "reference" / "json.md"
BLOCK = re.compile(r"^```json-output (\S+?)(?:@(\S+))?: ([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN, WIDTH = 2, 150
FACTS = "_facts"  # the page says once what these are
CLOSING = ("trace", "skipped", "cost", "build_id")  # shown once, with heap-check
# Numbers that differ from run to run, or are the firmware's own sizes. Addresses of its code and data move with it.
UNSTEADY = {"seq", "freed_seq", "first", "last", "kept", "lost", "overwritten", "time", "reads", "bytes", "seconds"}
UNSTEADY |= {
    "end",
    "peak_seq",
    "newest",
    "peak_bytes",
    "build_id",
    "matching",
    "stacks_used",
    "requests_obeyed",
    "recorded",
    "last_seconds",
    "older",
    "amount",
    "first_seq",
    "last_seq",
    "first_time",
    "last_time",
    "peak_time",
    "lifetime",
}
FIRMWARE = range(0x8000_0000, 0x8010_0000)


def printed(scenario: str, stop: str, command: str) -> Any:
    """What a command prints as JSON."""
    before = [f"break {stop}"] if stop else []
    return run_scenario(scenario, [Capture(f"{command} --json")], before=before).json()


def cut(report: Any) -> Any:
    """The report with its lists cut, without what the first example shows of every report."""
    if "assertion" not in report or "conclusions" in report:
        report = {key: "..." if key in CLOSING else value for key, value in report.items()}
    return _cut(report)


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(one) for key, one in value.items() if not key.endswith(FACTS)}
    if isinstance(value, list):
        most = 1 if value and isinstance(value[0], dict) and "pc" in value[0] else SHOWN
        return [*map(_cut, value[:most]), *(["..."] if len(value) > most else [])]
    return value.replace(f"{ROOT}/", "") if isinstance(value, str) else value


def laid_out(value: Any, indent: int = 0, room: int = 0) -> str:
    """The value as JSON, on one line where that is short enough; `room`: what stands before and behind it."""
    line = json.dumps(value)
    if indent + room + len(line) <= WIDTH or not isinstance(value, (dict, list)) or not value:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        entries = [f"{inner}{json.dumps(key)}: {laid_out(one, indent + 2, len(key) + 5)}" for key, one in value.items()]
    else:
        entries = [f"{inner}{laid_out(one, indent + 2, 1)}" for one in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n" + ",\n".join(entries) + f"\n{' ' * indent}{closing}"


def steady(value: Any, name: str = "") -> Any:
    """The value without what differs from run to run: of a number its kind is left."""
    if isinstance(value, dict):
        return {key: steady(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [steady(one, name) for one in value]
    if isinstance(value, str) and name != "build_id":
        return re.sub(r"\bseq \d+", "seq N", value)
    varies = name == "build_id" if isinstance(value, str) else name in UNSTEADY or value in FIRMWARE
    return type(value).__name__ if varies else value


def keys(value: Any) -> Iterator[str]:
    """Every name of a field in it."""
    if isinstance(value, dict):
        yield from value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(one)


def written_anew(page: str) -> str:
    """The page with its examples as they are today."""

    def example(found: re.Match[str]) -> str:
        head = found[0].split("\n", 1)[0]
        return f"{head}\n{laid_out(cut(printed(found[1], found[2] or '', found[3])))}\n```"

    return BLOCK.sub(example, page)


if __name__ == "__main__":
    PAGE.write_text(written_anew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
