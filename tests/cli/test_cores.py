# SPDX-License-Identifier: Apache-2.0
"""Cores and images in the shell: in every form the same answers, and of what is not there not one byte."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
import zstandard

from tests.cli.shell import Said, memtrace
from tests.support import fixtures
from tests.support.core import core_bytes, esp_log, esp_partition, write_core
from tests.support.fixtures import Case
from tests.support.paths import ROOT
from tests.support.ring import Ring

CLEAN, DAMAGED, CUT = fixtures.case("a005"), fixtures.case("a030"), fixtures.case("a059")
# One of each word format and kind of heap.
KINDS = [fixtures.case(name) for name in ("a001", "a030", "a060", "a061", "a071", "a083")]


def ranges(case: Case) -> list[tuple[int, bytes]]:
    return [(image.base, image.data) for image in case.images]


def images(case: Case) -> list[str]:
    return [f"--image={image.base:#x}={image.path}" for image in case.images]


def check(case: Case, *words: object) -> Said:
    return memtrace("check", *words, "--heap", case.heap.option, "--json", "--blocks")


@pytest.mark.parametrize("case", KINDS, ids=lambda case: f"{case.id}-{case.heap.kind}-{case.pointer_size}")
def test_a_core_says_the_same_as_its_images(case: Case, tmp_path: Path) -> None:
    core = write_core(tmp_path / "core", ranges(case), word=case.pointer_size, order=case.byte_order)
    by_core, by_images = check(case, core), check(case, *images(case))
    assert by_core.same() == by_images.same()
    assert by_core.status == by_images.status == (1 if case.truth.status == "damaged" else 0)


@pytest.mark.parametrize("word", [4, 8])
@pytest.mark.parametrize("order", ["little", "big"])
def test_a_ring_is_found_by_its_magic_in_either_format(word: int, order: str, tmp_path: Path) -> None:
    ring = Ring(0x8000_0400, word, order)
    for number in range(3):
        ring.event("alloc", 0x8000_4000 + number, 100 + number)
    image = bytes(0x400) + ring.data() + bytes(64)
    core = write_core(tmp_path / "core", [(0x8000_0000, image)], word=word, order=order)
    raw = tmp_path / "raw"
    raw.write_bytes(image)
    for source in (core, f"--image=0x80000000={raw}"):
        said = memtrace("log", source, "--json")
        assert (said.status, [event["size"] for event in said.json()["events"]]) == (0, [100, 101, 102])


def rings(path: Path, *times: int, name: str = "a") -> list[str]:
    words = []
    for number, moment in enumerate(times):
        ring = Ring(0x8000_0000 + number * 0x10000, time=moment)
        ring.event("mark", 0x1000 + number)
        file = path / f"{name}{number}"
        file.write_bytes(ring.data())
        words.append(f"--image={ring.address:#x}={file}")
    return words


def test_of_several_rings_the_newest_is_taken_and_the_others_are_said(tmp_path: Path) -> None:
    said = memtrace("status", *rings(tmp_path, 50, 900, 70), "--json").json()
    assert said["ring"]["address"] == 0x8001_0000
    (why,) = [item["why"] for item in said["skipped"] if "rings were found" in item["why"]]
    assert "0x80000000" in why and "0x80020000" in why
    named = memtrace("log", *rings(tmp_path, 50, 900, 70), "--ring", "0x80020000", "--json").json()
    assert [event["payload"] for event in named["events"]] == [0x1002]


def test_a_ring_at_another_place_than_it_says_is_a_copy(tmp_path: Path) -> None:
    rings(tmp_path, 50)
    said = memtrace("status", f"--image=0x90000000={tmp_path / 'a0'}", "--json").json()
    assert said["ring"] is None
    assert any("says it lies at 0x80000000" in item["why"] for item in said["skipped"])


FORMS = {
    "20-crc": lambda elf: esp_partition(elf, header=20, sha=False),
    "20-sha": lambda elf: esp_partition(elf, header=20, sha=True),
    "24-crc": lambda elf: esp_partition(elf, header=24, sha=False, size=len(elf) + 4096),
    "24-sha": lambda elf: esp_partition(elf, header=24, sha=True),
    "12-sha": lambda elf: esp_partition(elf, header=12, sha=True, size=len(elf) + 70000),
    "log": lambda elf: esp_log(esp_partition(elf, header=24, sha=True)).encode(),
    "log-with-times": lambda elf: esp_log(
        esp_partition(elf, header=12, sha=True), prefix="2026-01-02 03:04:05 ", noise="W (99) wifi: beacon (timeout)"
    ).encode(),
    "lines-alone": lambda elf: "\n".join(esp_log(esp_partition(elf, header=20, sha=False)).splitlines()[3:-1]).encode(),
    "gzip": gzip.compress,
    "gzip-of-partition": lambda elf: gzip.compress(esp_partition(elf, header=24, sha=False)),
    "physical": lambda elf: core_bytes([*ranges(DAMAGED), (0x1000, b"low")], physical=True),
}


def test_a_core_in_a_text_goes_before_a_listing_in_it(tmp_path: Path) -> None:
    file = tmp_path / "console.txt"
    listing = b"\t 001: ptr = 0x3fca1c10, size = 0x0000005a, thread = main\n  backtrace : 0x42000700\n"
    file.write_bytes(b"boot\n" * 9 + listing + FORMS["log"](core_bytes(ranges(DAMAGED))))
    assert check(DAMAGED, file).status == 1


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_core_is_opened(form: str, tmp_path: Path) -> None:
    file = tmp_path / form
    file.write_bytes(FORMS[form](core_bytes(ranges(DAMAGED))))
    said = check(DAMAGED, file)
    assert said.same() == check(DAMAGED, *images(DAMAGED)).same()


@pytest.mark.parametrize("form", ["20-crc", "24-sha", "log"])
def test_a_wrong_checksum_is_said_and_the_core_read(form: str, tmp_path: Path) -> None:
    file = tmp_path / "core"
    data = bytearray(esp_partition(core_bytes(ranges(DAMAGED)), header=20, sha=form == "24-sha"))
    data[-20] ^= 1
    file.write_bytes(esp_log(bytes(data)).encode() if form == "log" else data)
    said = check(DAMAGED, file)
    assert said.status == 1
    assert any("checksum" in item["why"] for item in said.json()["skipped"])


@pytest.mark.parametrize("share", [0.35, 0.6, 0.95])
@pytest.mark.parametrize("form", ["elf", "partition", "log", "gzip"])
def test_a_core_that_is_cut_off_gives_a_partial_report(form: str, share: float, tmp_path: Path) -> None:
    elf = core_bytes(ranges(CLEAN))
    whole = {
        "elf": elf,
        "partition": esp_partition(elf, header=24, sha=True),
        "log": esp_log(esp_partition(elf, header=24, sha=True)).encode(),
        "gzip": gzip.compress(elf),
    }[form]
    file = tmp_path / "core"
    file.write_bytes(whole[: int(len(whole) * share)])
    said = check(CLEAN, file)
    assert said.status == 2
    report = said.json()
    assert report["heaps"][0]["status"] == "unreadable"
    assert any("cut off" in item["why"] for item in report["skipped"])
    known = {block["payload"]: block["size"] for block in check(CLEAN, *images(CLEAN)).json()["heaps"][0]["blocks"]}
    listed = {block["payload"]: block["size"] for block in report["heaps"][0]["blocks"]}
    assert listed.items() <= known.items() and (share < 0.5 or listed)


def test_holes_are_not_read_and_not_zero(tmp_path: Path) -> None:
    base, data = ranges(CLEAN)[0]
    middle = 4096
    holes = [(base, data[:middle]), (base + middle + 4096, data[middle + 4096 :])]
    report = check(CLEAN, write_core(tmp_path / "core", holes)).json()
    assert report["heaps"][0]["status"] == "unreadable"
    skipped = [(one["check"], one["why"]) for one in report["skipped"]]
    assert ("memory", f"4,096 bytes at {base + middle:#x} could not be read") in skipped
    assert not any(base + middle <= one["address"] < base + middle + 4096 for one in report["heaps"][0]["findings"])


def test_an_image_fills_the_holes_of_a_core(tmp_path: Path) -> None:
    (base, data) = ranges(CLEAN)[0]
    core = write_core(tmp_path / "core", [(base, data[:8192]), (base + 12288, data[12288:])])
    (tmp_path / "more").write_bytes(data[8192:12288])
    assert check(CLEAN, core, f"--image={base + 8192:#x}={tmp_path / 'more'}").status == 0


def test_segments_that_touch_or_overlap_are_one_memory(tmp_path: Path) -> None:
    (base, data) = ranges(DAMAGED)[0]
    cuts = [(base + at, data[at : at + 1024 + 100 * (at % 3)]) for at in range(0, len(data), 1024)]
    core = write_core(tmp_path / "core", [*cuts[::2], *cuts[1::2]])
    assert check(DAMAGED, core).same() == check(DAMAGED, *images(DAMAGED)).same()


BAD = {
    "an empty file": (b"", "is empty"),
    "text": (b"hello, world\n" * 40, "nor a core dump of ESP-IDF; a console's text goes to memtrace explain"),
    "binary noise": (bytes(range(256)) * 9, "nor a core dump of ESP-IDF; raw memory goes behind --image BASE=FILE"),
    "an ELF magic alone": (b"\x7fELF", "ends within its ELF header"),
    "no word format": (b"\x7fELF" + bytes(60), "neither 32 nor 64 bits"),
    "a header cut off": (core_bytes([])[:30], "ends within its ELF header"),
    "no memory": (core_bytes([]), "this core holds no memory"),
    "a program": (core_bytes([(0, b"x")])[:16] + b"\2\0" + core_bytes([(0, b"x")])[18:], "a program goes behind --elf"),
    "segments of nothing": (core_bytes([(0, b"x" * 99)])[:52], "ends before its list of segments"),
    "erased flash": (b"\xff" * 65536, "no core dump was written"),
    "another packer": (zstandard.compress(bytes(90)), "unpack it first, with `zstd -d`"),
    "the binary form": (b"\x00\x01\x00\x00\x02\x00\x05\x00\x03\0\0\0\x60\1\0\0" + bytes(500), "binary form"),
    "a gzip of nothing": (gzip.compress(b"x" * 999)[:10], "nothing of it can be read"),
    "a log without its dump": (b"= CORE DUMP START =\r\nI (1) reboot\r\n", "no core dump that can be decoded"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_core_is_one_clear_line(name: str, tmp_path: Path) -> None:
    data, said = BAD[name]
    file = tmp_path / "file"
    file.write_bytes(data)
    done = memtrace("check", file)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith("memtrace: ") and said in done.err and str(file) in done.err


@pytest.mark.parametrize("command", ["check", "blocks", "free", "last", "log", "status"])
def test_a_file_that_is_not_there_is_one_line(command: str, tmp_path: Path) -> None:
    address = ["0x100"] if command == "last" else []
    done = memtrace(command, *address, tmp_path / "none")
    assert (done.status, done.err) == (2, f"memtrace: {tmp_path / 'none'}: No such file or directory\n")


def test_a_packed_image_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    base, data = ranges(CLEAN)[0]
    file = tmp_path / "ram.gz"
    file.write_bytes(gzip.compress(data)[:-200])
    said = check(CLEAN, f"--image={base:#x}={file}")
    assert said.status == 2 and any("cut off" in item["why"] for item in said.json()["skipped"])
    file.write_bytes(gzip.compress(data[:5000]) + gzip.compress(data[5000:]))
    assert check(CLEAN, f"--image={base:#x}={file}").status == 0


def test_an_address_and_a_core_stand_in_any_company(tmp_path: Path) -> None:
    core, block = write_core(tmp_path / "core", ranges(CLEAN)), hex(CLEAN.truth.blocks[0].payload)
    heap = ("--heap", CLEAN.heap.option)
    said = [
        memtrace("last", block, core, *heap, "--json").same(),
        memtrace("last", *heap, "--json", block, "--all", core).same(),
        memtrace("last", block, *heap, core, "--json").same(),
    ]
    assert said[0] == said[1] == said[2] and said[0]["block"]["state"] == "used"


@contextmanager
def counted_lines() -> Iterator[list[int]]:
    """How many lines of Python run, turns of comprehensions included."""
    lines = [0]

    def trace(_: FrameType, event: str, __: object) -> Callable[..., object]:
        lines[0] += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(before)


def test_a_core_of_thousands_of_segments_is_no_slower_for_it(tmp_path: Path) -> None:
    """Eight times the segments are eight times the work, in lines of Python, and not sixty-four times."""

    def lines_for(segments: int) -> int:
        scattered = [(0x1000_0000 + number * 128, b"abcd" * 16) for number in range(segments)]
        core = write_core(tmp_path / "core", [*scattered, *ranges(DAMAGED)])
        with counted_lines() as lines:
            assert check(DAMAGED, core).status == 1
            assert memtrace("check", core, "--heap", "auto@0x10000000").status == 2
        return lines[0]

    assert lines_for(8000) < 12 * lines_for(1000)


def saved_note(text: str) -> tuple[bytes, int, bytes]:
    return b"memtrace", 0x4D54_0001, text.encode()


KNOWN = (
    '{"version": 1, "heaps": [%s], "skipped": [], "ring": null, "operation": [false, "", false], "assertion": null, '
)
KNOWN += '"build_id": null}'


NONSENSE = [
    '["nonsense", 16, null, null, null, ""]',
    '["tlsf", -5, 1e400, null, null, ""]',
    "7",
    '["tlsf"]',
    "[[[[",
    '"x"',
]
NONSENSE.append('["tlsf", 1267650600228229401496703205376, null, null, null, ""]')


@pytest.mark.parametrize("heaps", NONSENSE)
def test_a_note_of_nonsense_is_no_note(heaps: str, tmp_path: Path) -> None:
    core = write_core(tmp_path / "core", ranges(DAMAGED), notes=[saved_note(KNOWN % heaps)])
    assert memtrace("status", core).status == 0
    assert check(DAMAGED, core).status == 1


def test_a_large_core_is_mapped_and_a_pipe_is_read(tmp_path: Path) -> None:
    core = write_core(tmp_path / "core", [*ranges(DAMAGED), (0x7000_0000, bytes(40 << 20))])
    expected = check(DAMAGED, *images(DAMAGED)).same()
    assert check(DAMAGED, core).same() == expected
    small = write_core(tmp_path / "small", ranges(DAMAGED))
    words = [sys.executable, "-m", "gdbext", "check", "/dev/stdin", "--heap", DAMAGED.heap.option]
    done = subprocess.run(words, input=small.read_bytes(), cwd=ROOT, capture_output=True)
    assert done.returncode == 1, done.stderr
