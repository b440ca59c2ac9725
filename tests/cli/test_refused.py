# SPDX-License-Identifier: Apache-2.0
"""Options that cannot mean anything are refused in one line, before anything is read."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from gdbext.source.memory import Memory
from tests.cli.shell import memtrace, shell
from tests.support import fixtures
from tests.support.core import core_bytes

CASE = fixtures.case("a005")
SOURCES = [f"--image={image.base:#x}={image.path}" for image in CASE.images]
ADDRESS = CASE.heap.option.partition("@")[2]
BELOW = "is below 0, which no size, count or sequence number is"
EMPTY = "nothing lies in it: give the smaller end first"
NO_ADDRESS = "is not an address: give 0x... or a decimal number, or a name with --elf"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("blocks --limit -3", f"-3 {BELOW}"),
        ("last 1 --limit=-0x10", f"-0x10 {BELOW}"),
        ("refs 1 --limit x", "x is not a number: write 100, 0x40, 4k or 1M"),
        ("blocks --size -5", f"-5 {BELOW}"),
        ("blocks --size 2k:1k", f"--size 2k:1k: {EMPTY}"),
        ("blocks --address 5:1", f"--address 5:1: {EMPTY}"),
        ("blocks --address=-5:1", f"-5 {NO_ADDRESS}"),
        ("log --size 5:1", f"--size 5:1: {EMPTY}"),
        ("log --seq 9:3", f"--seq 9:3: {EMPTY}"),
        ("log --seq=-9:", f"-9 {BELOW}"),
        ("log --address 2:1", f"--address 2:1: {EMPTY}"),
        ("last -5", f"-5 {NO_ADDRESS}"),
        ("refs -5", f"-5 {NO_ADDRESS}"),
        ("check --heap tlsf@-1", f"-1 {NO_ADDRESS}"),
        ("check --heap tlsf@0x10 --pool=-8,8", f"-8 {NO_ADDRESS}"),
        ("check --pool 8,2", "--pool 8,2: START must lie below END, by 64 MiB at most"),
        ("log --ring -1", f"-1 {NO_ADDRESS}"),
        ("check --search=-9,3", f"-9 {NO_ADDRESS}"),
        ("report --symbols nowhere", "--symbols nowhere: there is no such folder"),
        ("explain --symbols nowhere", "--symbols nowhere: there is no such folder"),
        (
            "leaks --unreachable --scan 9,3",
            "--scan 9,3: give START,END with START below END, as 0x... or decimal numbers",
        ),
    ],
)
def test_what_nothing_can_answer_is_refused_unread(words: str, line: str, tmp_path: Path) -> None:
    core = tmp_path / "core"
    core.write_bytes(core_bytes([(image.base, image.data) for image in CASE.images]))
    with mock.patch.object(Memory, "fetch", side_effect=AssertionError("read")):
        said = memtrace(*words.split(), core)
    assert (said.status, said.out, said.err) == (2, "", f"memtrace: {line}\n")


@pytest.mark.parametrize("words", ["--heap bogus@1", "--output r.pdf", "--limit -1", "--size 5:1"])
def test_options_are_refused_before_the_file_is_opened(words: str) -> None:
    said = memtrace("blocks", "no-such-file", *words.split())
    assert said.status == 2 and "No such file" not in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_cannot_be_is_refused(port: str) -> None:
    said = memtrace("gdb", "app.elf", f"--port={port}")
    assert (said.status, said.err) == (2, f"memtrace: --port {port}: a port is a number up to 65535\n")


def test_a_suffix_without_a_form_lists_those_that_have_one(tmp_path: Path) -> None:
    said = memtrace("check", *SOURCES, "--output", tmp_path / "r.pdf")
    assert said.status == 2 and said.err.endswith(
        "r.pdf: no form of a report has the suffix .pdf: there are .txt, .json, and --format with text, json\n"
    )
    assert memtrace("check", *SOURCES, "--output", tmp_path / "r.pdf", "--format", "json").status == 0


def test_a_file_that_cannot_be_written_is_refused_before_the_target_is_read(tmp_path: Path) -> None:
    there = tmp_path / "r.json"
    there.write_text("mine")
    for place, why in ((there, "there is a file already"), (tmp_path / "no" / "r.json", "no file can be made in")):
        said = memtrace("check", "no-such-core", "--output", place)
        assert said.status == 2 and said.err.startswith(f"memtrace: {place} cannot be written: {why}")


def test_a_heap_that_is_named_twice_is_reported_once() -> None:
    damaged = fixtures.case("a030")
    images = [f"--image={image.base:#x}={image.path}" for image in damaged.images]
    at = damaged.heap.option.partition("@")[2]
    same = [f"--heap={damaged.heap.option}", f"--heap=auto@{at}", f"--heap=auto@{int(at, 16)}"]
    once, twice = (memtrace("check", *images, *heaps, "--json").json() for heaps in (same[:1], same))
    assert len(once["heaps"]) == 1 and once["heaps"] == twice["heaps"]


def test_a_pool_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    span = (
        f"{CASE.images[0].base + len(CASE.images[0].data) - 64:#x},{CASE.images[0].base + len(CASE.images[0].data):#x}"
    )
    scans = [shell("refs", ADDRESS, *SOURCES, *["--scan", span] * times)["scanned"] for times in (1, 2)]
    assert scans[0] == scans[1]
