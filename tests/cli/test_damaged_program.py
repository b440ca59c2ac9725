# SPDX-License-Identifier: Apache-2.0
"""A program that is damaged costs names and lines, never the report, and no more time or memory than a sound one."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gdbext.symbols.elf_symbols import ElfSymbols
from tests.cli.shell import memtrace
from tests.support import fixtures
from tests.support.core import write_core
from tests.support.paths import ROOT
from tests.support.program_elf import FORMS, TEXT, program_elf, section, with_words
from tests.support.ring import Ring

CASE = fixtures.case("a007")
KIND, FLAGS, ADDRESS, OFFSET, SIZE = 4, 8, 12, 16, 20  # places in a section's header
NOBITS, COMPRESSED = 8, 0x800
PCS = range(TEXT + 4, TEXT + 0x90, 8)


def core(folder: Path) -> Path:
    """A heap, and a ring whose stacks lie in the program."""
    block = CASE.truth.blocks[0]
    ring = Ring(0x1000_0000)
    ring.event("alloc", block.payload, block.requested, stack=ring.stack(*PCS))
    images = [(image.base, image.data) for image in CASE.images]
    return write_core(folder / "core", [*images, (ring.address, ring.data())])


def last(folder: Path, elf: bytes, size: int = 0) -> Any:
    """The report about the ring's block, made in a process with 400 MB and 20 s of the processor.

    `size`: bytes of the file, if they are more than those that it has.
    """
    with open(folder / "app.elf", "wb") as file:
        file.write(elf)
        file.truncate(max(size, len(elf)))

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    words = ["last", hex(CASE.truth.blocks[0].payload), core(folder), "--elf", folder / "app.elf", "--json"]
    command = [sys.executable, "-m", "gdbext", *map(str, words), f"--heap={CASE.heap.option}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=limits)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def functions(report: Any) -> set[str | None]:
    return {frame["function"] for frame in report["generations"][0]["allocated"]}


def lines(report: Any) -> set[int | None]:
    return {frame["line"] for frame in report["generations"][0]["allocated"]}


def damages(report: Any) -> list[str]:
    facts = [item.get("why_facts") for item in report["skipped"]]
    return [fact["sentence"] for fact in facts if fact and fact["sentence"].endswith("damaged")]


@pytest.mark.parametrize("form", FORMS)
def test_a_sound_program_has_names_and_lines(form: str, tmp_path: Path) -> None:
    report = last(tmp_path, program_elf(form))
    assert {"leaf", "middle", "app_main"} <= functions(report) and damages(report) == []
    assert (lines(report) == {None}) == (form == "no-lines")


def changed(name: str, fields: dict[int, int], form: str = "dwarf-5") -> bytes:
    data = program_elf(form)
    header = section(data, name).header
    return with_words(data, {header + place: value for place, value in fields.items()})


def endless_files() -> bytes:
    """The line table lists 2**62 files without a field."""
    data = bytearray(program_elf())
    table = section(bytes(data), ".debug_line").offset
    formats = table + 4 + 2 + 2 + 4 + 6 + data[table + 17] - 1
    data[formats : formats + 10] = b"\0" + b"\xff" * 8 + b"\x3f"
    return bytes(data)


def bomb() -> bytes:
    """A section that unpacks to 2 GiB."""
    data = program_elf("packed")
    line = section(data, ".debug_line")
    packer = zlib.compressobj(9)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    packed = head + 128 * (packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH))
    header = data[line.offset : line.offset + 12]
    fields = {OFFSET: len(data), SIZE: 12 + len(packed)}
    moved = with_words(data, {line.header + place: value for place, value in fields.items()})
    return moved + with_words(header, {4: 1 << 31}) + packed


DEBUG: dict[str, Callable[[], bytes]] = {
    "an unknown packer": lambda: changed(".debug_info", {FLAGS: COMPRESSED}),
    "2 GiB": lambda: changed(".debug_line", {SIZE: 1 << 31}),
    "2 GiB without bytes": lambda: changed(".debug_line", {KIND: NOBITS, SIZE: 1 << 31}),
    "2 GiB that are packed": bomb,
}


@pytest.mark.parametrize("damage", DEBUG)
def test_damaged_debug_sections_cost_the_lines(damage: str, tmp_path: Path) -> None:
    report = last(tmp_path, DEBUG[damage]())
    assert {"leaf", "middle", "app_main"} <= functions(report) and lines(report) == {None}
    assert damages(report) == ["debug-information-damaged"]


def test_debug_information_without_end_costs_the_lines(tmp_path: Path) -> None:
    report = last(tmp_path, endless_files())
    assert {"leaf", "middle", "app_main"} <= functions(report) and lines(report) == {None}


def test_a_sibling_that_lies_before_is_no_circle(tmp_path: Path) -> None:
    """Every reference to a sibling leads to the entry itself."""
    data = program_elf("dwarf-2")
    symbols = tmp_path / "app.elf"
    symbols.write_bytes(data)
    info = section(data, ".debug_info").offset
    unit = next(ElfSymbols(str(symbols))._dwarf.iter_CUs())
    siblings = [entry for entry in unit.iter_DIEs() if "DW_AT_sibling" in entry.attributes]
    assert len(siblings) > 2
    turned = {info + one.attributes["DW_AT_sibling"].offset: one.offset - unit.cu_offset for one in siblings}
    report = last(tmp_path, with_words(data, turned))
    assert {"leaf", "middle", "app_main"} <= functions(report)


@pytest.mark.parametrize("field", [{SIZE: 1 << 31}, {OFFSET: 0xFFFF_FFF0}, {KIND: NOBITS}, {FLAGS: COMPRESSED}])
def test_damaged_symbols_cost_the_names(field: dict[int, int], tmp_path: Path) -> None:
    report = last(tmp_path, changed(".symtab", field, "no-lines"))
    assert functions(report) == {None} and damages(report) in ([], ["symbols-damaged"])


def test_a_program_without_end_of_sections_is_read(tmp_path: Path) -> None:
    """The first section's header says that there are 2**31."""
    data = bytearray(program_elf())
    table = section(bytes(data), "").header
    data[48:50] = b"\0\0"
    last(tmp_path, with_words(bytes(data), {table + SIZE: 1 << 31}))


def test_constants_that_overlap_are_read_once(tmp_path: Path) -> None:
    """Thousands of sections have all bytes of the file."""
    data = program_elf() + bytes(1 << 20)
    header = bytearray(data[section(data, ".rodata").header :][:40])
    header[OFFSET : SIZE + 4] = b"\0\0\0\0" + len(data).to_bytes(4, "little")
    table = len(data).to_bytes(4, "little")
    names = data[50:52]
    rows = data[section(data, "").header :][: 40 * int.from_bytes(data[48:50], "little")]
    count = 4000 + len(rows) // 40
    head = data[:32] + table + data[36:48] + count.to_bytes(2, "little") + names
    report = last(tmp_path, head + data[52:] + rows + bytes(header) * 4000)
    assert {"leaf", "middle", "app_main"} <= functions(report)


@pytest.mark.parametrize("field", [{}, {SIZE: 1 << 31}, {FLAGS: 2 | COMPRESSED}])
def test_a_variable_has_the_bytes_of_its_section_or_none(field: dict[int, int], tmp_path: Path) -> None:
    (tmp_path / "app.elf").write_bytes(changed(".rodata", field))
    constants = [ElfSymbols(str(tmp_path / "app.elf")).constant(name) for name in ("table", "nobody")]
    assert constants == [None if field else b"constant\0", None]


def test_status_says_what_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "app.elf").write_bytes(DEBUG["2 GiB"]())
    said = memtrace("status", core(tmp_path), "--elf", tmp_path / "app.elf")
    assert said.status == 0 and "debug information" in said.out and "damaged" in said.out


@pytest.mark.parametrize("name", [".symtab", ".rodata", ".debug_line"])
def test_a_sparse_program_of_gigabytes_takes_no_gigabytes(name: str, tmp_path: Path) -> None:
    """One section is the whole file, of which there are few bytes."""
    elf = changed(name, {OFFSET: 0, SIZE: 3 << 30}) if name != ".symtab" else changed(name, {SIZE: 3 << 30})
    report = last(tmp_path, elf, 4 << 30)
    assert report["generations"] and (damages(report) != [] or name == ".rodata")
