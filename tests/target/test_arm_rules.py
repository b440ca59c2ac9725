# SPDX-License-Identifier: Apache-2.0
"""What thumb.h says of each call in a program, held against the debug information of the program.

.debug_frame says where the frame above a call begins and where the return address lies. Functions whose frame is
counted from a register, as those that take stack by one are, must have no rule or the right one.
"""

from __future__ import annotations

import re
import subprocess
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from tests.support.paths import ROOT
from tests.target.arm_program import MACHINES, built

SOURCE = ROOT / "tests" / "unit" / "c" / "thumb" / "rules.c"
CALL = re.compile(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{4} ?)+)\s*\tblx?\t")
SP, LR = 13, 14


def returns(elf: Path) -> list[int]:
    """The return address of each call."""
    command = ["arm-none-eabi-objdump", "-d", str(elf)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = [CALL.match(line) for line in listing.splitlines()]
    return [int(call[1], 16) + 2 * len(call[2].split()) for call in found if call]


def frames_of(file: ELFFile) -> Iterator[tuple[int, int, list[dict[object, object]]]]:
    """Begin, end and rows of each function of which .debug_frame tells."""
    for entry in file.get_dwarf_info().CFI_entries():
        if isinstance(entry, FDE):
            begin = entry["initial_location"]
            yield begin, begin + entry["address_range"], entry.get_decoded().table


def truth(elf: Path) -> dict[int, int]:
    """By return address the rule that is right; calls whose frame is counted from another register are left out."""
    with elf.open("rb") as stream:
        frames = sorted(frames_of(ELFFile(stream)), key=lambda frame: frame[0])
    begins, found = [frame[0] for frame in frames], {}
    for pc in returns(elf):
        at = bisect_right(begins, pc - 1) - 1
        if at < 0 or pc > frames[at][1]:
            continue
        row = [row for row in frames[at][2] if row["pc"] < pc][-1]
        if LR in row and row["cfa"].reg == SP:
            found[pc] = row["cfa"].offset | -row[LR].arg // 4
    return found


@pytest.mark.parametrize("chip", ["m0", "m4"])
def test_rules_are_those_of_the_debug_information(chip: str, tmp_path: Path) -> None:
    elf, image, rules = built(tmp_path, MACHINES[chip]), tmp_path / "code", tmp_path / "rules"
    (tmp_path / "memtrace_port.h").touch()
    short = ["-DMEMTRACE_ARM_SHORT"] if chip == "m0" else []
    command = [
        "gcc",
        "-std=c11",
        "-O1",
        *short,
        f"-I{tmp_path}",
        f"-I{ROOT / 'c_helpers'}",
        str(SOURCE),
        "-o",
        str(rules),
    ]
    subprocess.run(command, check=True)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "-j", ".text", str(elf), str(image)], check=True)
    with elf.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".text")
        assert section is not None
        base = section["sh_addr"]
    wanted = truth(elf)
    asked = "\n".join(f"{pc:x}" for pc in wanted)
    said = subprocess.run([str(rules), str(image), str(base)], input=asked, check=True, capture_output=True, text=True)
    found = [int(word, 16) for word in said.stdout.split()]
    assert len(wanted) > 1000
    wrong = {f"{pc:x}": (right, rule) for (pc, right), rule in zip(wanted.items(), found, strict=True) if rule != right}
    # libgcc's comparison of doubles, in assembly, saves lr in the middle; it calls nothing of a program's.
    assert len(wrong) <= 6, wrong
