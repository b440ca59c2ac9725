# SPDX-License-Identifier: Apache-2.0
"""The notes of ours in a saved core: written and read again, and as docs/reference/format.md shows them."""

from __future__ import annotations

import json
import re

import pytest

from gdbext.model.diagnosis import Given
from gdbext.model.machine import MACHINES, Machine
from gdbext.model.region import Region
from gdbext.source.core import CoreSource, parse_core
from gdbext.source.core_writer import core_bytes
from gdbext.source.registers import auxiliary_note, auxiliary_of, prstatus, threads_of
from gdbext.source.saved import KNOWLEDGE, OWNER, Saved, read_saved, saved_notes, saved_ring
from gdbext.source.snapshot import ByteOrder
from tests.support.paths import ROOT

HEAPS = (
    Region("multi_heap", 0x100, 0x100, 0x900, None, "on the list", {}, ()),
    Region("tlsf", 0x2000, None, None, "DRAM", "", {"xEnd": 1}, ((8192, 9216),)),
)
KNOWN = Saved(
    HEAPS, (("heaps", "the list is broken"),), 0x3000, (True, "in free", True), ("text", "free", 7, False), "ab12", (),
    Given(0x120, "free", (0x100, 0x140), (0x8000, 0x8010), 0x7000),
)  # fmt: skip
ORDERS: list[ByteOrder] = ["little", "big"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("word", [4, 8])
def test_what_is_noted_is_read_again(word: int, order: ByteOrder) -> None:
    notes = saved_notes(KNOWN, b"the ring", order)
    core = parse_core(core_bytes(word, order, 243, notes, [(0x100, b"abcd")]))
    assert read_saved(core) == KNOWN
    assert saved_ring(core) == [(0x3000, b"the ring")]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: f"{machine.number}-{machine.word}")
def test_registers_come_back_for_every_machine(machine: Machine, order: ByteOrder) -> None:
    values = [
        {name: 16 * number + thread for number, name in enumerate(machine.registers) if name} for thread in (1, 2)
    ]
    notes = [prstatus(machine, order, number, one) for number, one in enumerate(values)]
    pairs = [(9, 0x1234), (3, 0x40)]
    notes.append(auxiliary_note(pairs, machine.word, order))
    data = core_bytes(machine.word, order, machine.number, notes, [(0, b"x")])
    core = parse_core(data)
    assert threads_of(core) == values
    assert auxiliary_of(core) == {9: 0x1234, 3: 0x40, 0: 0}
    assert CoreSource(core).read(0, 1) == b"x"


# What the kernel's struct elf_prstatus takes on each machine: debuggers know the note by its size.
SIZES = {(243, 4): 204, (243, 8): 376, (62, 8): 336, (3, 4): 144, (40, 4): 148, (183, 8): 392, (94, 4): 588}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: f"{machine.number}-{machine.word}")
def test_the_note_has_the_size_that_debuggers_expect(machine: Machine) -> None:
    assert len(prstatus(machine, "little", 1, {}).data) == SIZES[machine.number, machine.word]


def test_the_example_of_the_document_is_a_note() -> None:
    text = (ROOT / "docs" / "reference" / "format.md").read_text()
    (example,) = re.findall(r"```saved\n(.*?)```", text, re.DOTALL)
    core = parse_core(core_bytes(4, "little", 243, saved_notes(KNOWN, None, "little"), [(0, b"x")]))
    written = json.loads(core.note(OWNER, KNOWLEDGE) or b"")
    assert written.keys() == json.loads(example).keys()
    notes = [note._replace(data=example.encode()) for note in core.notes]
    shown = read_saved(parse_core(core_bytes(4, "little", 243, notes, [(0, b"x")])))
    assert shown is not None and shown.heaps[0].kind == "multi_heap" and shown.operation[0]
