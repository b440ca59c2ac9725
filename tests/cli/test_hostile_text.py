# SPDX-License-Identifier: Apache-2.0
"""Names, marks, panic texts, notes and words that would command a terminal: the shell shows them, and obeys none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from gdbext.commands import command_named
from gdbext.report.destination import told
from tests.cli.shell import memtrace
from tests.docs.sentences.world import ask, world
from tests.support import fixtures
from tests.support.core import core_bytes
from tests.support.kernel_image import KernelImage
from tests.support.paths import ROOT
from tests.support.ring import Ring
from tests.support.terminal import HOSTILE, commanding
from tests.unit.kernel_world import Symbols

CASE = fixtures.case("a030")
RANGES = [(image.base, image.data) for image in CASE.images]
PLAIN = Namespace(json=False, output=None, format=None)
EVIL = "\x1b[31mEVIL\x07\r\nclean\x9b"
LONG = "\x1b]0;PWNED\x07\x1b[2J\x1b[H\nheap 0x3ffb0000: clean\x9b\u202e"


def with_ring(*, failed: bool = False) -> bytes:
    """A damaged heap, and a ring of hostile names that knows the owners of its blocks."""
    names = [(1, ""), (1, ""), (1, ""), (1, EVIL), (2, EVIL)]
    ring = Ring(0x2000_0000, names=names, capacity=64)
    stack = ring.stack(0x4200_1000, 0x4200_2000)
    for block in CASE.truth.blocks[:20]:
        ring.event("alloc", block.payload, block.requested, stack=stack)
    ring.event("mark", 4)
    ring.event("free", CASE.truth.blocks[3].payload, stack=stack)
    if failed:
        ring.state, ring.assertion = 3, (7, LONG, "tlsf_\x1b[2Jfree\n")
    return core_bytes([*RANGES, (ring.address, ring.data())])


def with_panic() -> bytes:
    text = f"assert failed: tlsf_free {EVIL} ({LONG})\n"
    return core_bytes(RANGES, notes=[(b"ESP_PANIC_DETAILS", 679, text.encode())])


def with_note() -> bytes:
    """As `memtrace save` writes it, with hostile names of heaps."""
    base, data = RANGES[0]
    kind, _, at = CASE.heap.option.partition("@")
    saved = {"version": 1, "heaps": [[kind, int(at, 16), base, base + len(data), EVIL, LONG, []]], "ring": None}
    saved |= {"skipped": [["heaps", LONG]], "operation": [True, LONG, True], "assertion": [LONG, EVIL, None]}
    note = (b"memtrace", 0x4D54_0001, json.dumps({**saved, "build_id": LONG}).encode())
    return core_bytes(RANGES, notes=[note])


CORES: dict[str, Callable[[], bytes]] = {
    "ring": with_ring,
    "assertion": lambda: with_ring(failed=True),
    "panic": with_panic,
    "note": with_note,
}
BLOCK = hex(CASE.truth.blocks[3].payload)
COMMANDS = [["check"], ["last", BLOCK], ["blocks", "--all"], ["free"], ["leaks"], ["leaks", "--unreachable"]]
COMMANDS += [["refs", BLOCK], ["log"], ["status"]]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("name", CORES)
def test_no_core_commands_a_terminal(name: str, words: list[str], tmp_path: Path) -> None:
    core = tmp_path / "core"
    core.write_bytes(CORES[name]())
    said = memtrace(*words, core)
    assert commanding(said.out + said.err) == []
    assert "\nclean" not in said.out and "\nheap 0x3ffb0000: clean" not in said.out
    if name == "ring" and words[0] in ("blocks", "log", "last"):
        assert "\\x1b[31mEVIL\\x07\\x0d\\x0aclean" in said.out


def test_json_keeps_names_as_they_are(tmp_path: Path) -> None:
    core = tmp_path / "core"
    core.write_bytes(with_ring(failed=True))
    said = memtrace("log", core, "--json")
    assert commanding(said.out) == [] and said.out.isascii()
    assert {event["task"] for event in said.json()["events"]} == {EVIL.encode()[:20].decode()}
    assert memtrace("check", core, "--json").json()["assertion"]["text"] == LONG


def test_a_task_is_named_as_reports_show_it(tmp_path: Path) -> None:
    core = tmp_path / "core"
    core.write_bytes(with_ring())
    shown = "\\x1b[31mEVIL\\x07\\x0d\\x0aclean\\x9b"
    for command in ("log", "blocks"):
        by_name, as_shown = (memtrace(command, core, "--task", task, "--json").same() for task in (EVIL, shown))
        assert by_name == as_shown and by_name["events" if command == "log" else "blocks"]


WORDS = (
    "{}",
    "check {}",
    "check --{}",
    "check core {}",
    "last {} core",
    "blocks core --size {}",
    "log core --since {}",
)
WORDS += ("check --image {}", "check --image 0x10={}", "check core --elf {}", "check core --heap {}", "gdb {}")
WORDS += ("check core --heap tlsf@{}", "log core --ring {}", "log core --search {}", "blocks core --state {}")
WORDS += ("check --rsp {}", "check --rsp {}:1", "leaks core --since {}", "log core --kind {}")
WORDS += ("gdb app --chip {}", "gdb core --port {}", "blocks core --limit {}")


@pytest.mark.parametrize("line", WORDS)
def test_no_word_commands_a_terminal(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("core").write_bytes(with_ring())
    for hostile in (*HOSTILE[:-1], os.fsdecode(b"\xff\x1b\xc2\x9b")):
        said = memtrace(*(word.format(hostile) for word in line.split()))
        assert (said.status, said.out) == (2, ""), hostile
        assert commanding(said.err) == [] and said.err.count("\n") == 1, hostile


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_locale_makes_it_fail(encoding: str, tmp_path: Path) -> None:
    """Names of other alphabets, and a file's name that is of none."""
    ring = Ring(0x2000_0000, names=[(1, ""), (1, ""), (1, ""), (1, "ü中\x9b")], capacity=64)
    ring.event("alloc", 0x3000_0000, 16)
    core = os.path.join(os.fsencode(tmp_path), b"core\xff")
    Path(os.fsdecode(core)).write_bytes(core_bytes([(ring.address, ring.data())]))
    words: list[str | bytes] = [sys.executable, "-m", "gdbext"]
    env = {**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ends = [
        subprocess.run([*words, *line], cwd=ROOT, env=env, capture_output=True)
        for line in (["log", core], ["log", core + b"x"], ["log", core, b"\xff\xc2\x9b"])
    ]
    assert [end.returncode for end in ends] == [0, 2, 2], ends
    for end in ends:
        assert commanding((end.stdout + end.stderr).decode(encoding)) == []
        assert b"bug" not in end.stderr
    assert {"ascii": b"\\xfc\\u4e2d", "latin-1": b"\xfc\\u4e2d", "utf-8": "ü中".encode()}[encoding] in ends[0].stdout


def test_no_task_of_a_kernel_commands_a_terminal() -> None:
    """Names in control blocks, which have no ring and no symbols of ours."""
    name = "\x1b[2J\x9b\r\nc"
    image = KernelImage({name: "ready0", "idle": "ready0"}, ("idle",))
    target = world([*RANGES, *image.images()], [CASE.heap.option], Symbols(image))
    for command in ("status", "free"):
        text = told(ask(target, command, heap=CASE.heap.option), command_named(command).text, PLAIN) or ""
        assert commanding(text) == [] and "\\x1b[2J" in text and "\\x0d\\x0ac" in text
