# SPDX-License-Identifier: Apache-2.0
"""The ring of the run before, in every command that reads a trace, and what is said of one that cannot be read.

The recorder itself makes the rings (books.c, `retained`): a run that asserts, and the one behind it. Then bytes change.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

import pytest

from gdbext.commands import command_named
from gdbext.commands.parsing import parsed_in_shell
from gdbext.model.errors import UserError
from gdbext.report.printable import text_of
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.target.target import Target
from gdbext.trace.format import HEADER_OFFSETS
from gdbext.trace.ring import read_before
from tests.docs.sentences.world import Symbols, ask, world
from tests.unit.recorder import Run, run

FREED, KEPT, LAST = 0x20000010, 0x20000100, 0x20000200
POINTER = 0x1000  # of the variable memtrace_ring
HALF = 8192


@cache
def ran(bits: int) -> Run:
    flags = ("-DMEMTRACE_TAGS=1",) if bits == 32 else ()
    return run(bits, flags, "retained")


def target(**fields: int) -> Target:
    """Both halves, and the variable that points to the newer one, whose header has these fields changed."""
    made = ran(32)
    data = bytearray(made.data)
    for name, value in fields.items():
        struct.pack_into("<Q" if name == "previous" else "<I", data, HALF + HEADER_OFFSETS[name], value)
    pointer = made.number("current").to_bytes(4, "little")
    return world([(made.address, bytes(data)), (POINTER, pointer)], program=Symbols(memtrace_ring=(POINTER, 4)))


def text(command: str, report: Any) -> str:
    return text_of(command_named(command).text(report))


@pytest.mark.parametrize("bits", [32, 64])
def test_it_is_read_through_the_ring_behind_it(bits: int) -> None:
    made = ran(bits)
    memory = Memory(snapshot_of([(made.address, made.data)], bits // 8, "little"))
    trace = read_before(memory, made.number("current"))
    assert [event.address for event in trace.events] == [address for _, address, *_ in made.expected]
    assert trace.is_past and trace.own == ((made.address, made.address + trace.header.total_size),)


def test_every_event_of_the_run_before_is_there() -> None:
    before, now = ask(target(), "log", "--previous"), ask(target(), "log")
    expected = [(kind, address, size, task) for kind, address, size, _, task, *_ in ran(32).expected]
    assert [(one.kind, one.payload, one.size, one.task) for one in before.events] == expected
    assert [(one.kind, one.size) for one in now.events] == [("alloc", 55)]
    assert (before.trace.past, before.trace.running, before.trace.run, before.trace.state) == (True, False, 1, "frozen")
    assert (now.trace.past, now.trace.running, now.trace.run) == (False, True, 2)
    assert "; frozen when it ended: the run before" in text("log", before)


def test_owners_of_an_address_are_that_runs() -> None:
    before = ask(target(), "last", hex(FREED), "--previous")
    assert before.block is None and [(life.size, life.freed_seq) for life in before.generations] == [(100, 2)]
    assert f"{FREED:#x}: in the run before" in text("last", before)


def test_blocks_and_leaks_are_what_the_trace_had_not_seen_freed() -> None:
    blocks = ask(target(), "blocks", "--previous")
    assert [(one.payload, one.size, one.owner.task, one.heap) for one in blocks.blocks] == [
        (KEPT, 200, "main", None),
        (LAST, 300, "main", None),
    ]
    assert (blocks.total.blocks, blocks.total.bytes) == (2, 500) and command_named("blocks").lacking(blocks) == ""
    assert [one.payload for one in ask(target(), "blocks", "--previous", "--size", "250:").blocks] == [LAST]
    assert {one.payload for one in ask(target(), "leaks", "--previous").blocks} == {KEPT, LAST}
    assert [one.payload for one in ask(target(), "leaks", "--previous", "--since", "before").blocks] == [LAST]
    with pytest.raises(UserError, match="of the run before only the trace is left"):
        ask(target(), "leaks", "--previous", "--unreachable")


def test_what_it_used() -> None:
    assert ask(target(), "report", "--previous").totals.live_bytes == 500
    assert ask(target(), "tree", "--previous").tree.leak == 500


def test_the_assertion_of_the_run_before() -> None:
    report = ask(target(), "check", "--previous")
    assert report.assertion is not None and report.assertion.text == "!block_is_free(block)" and report.heaps == ()
    assert [(one.check, one.why.key) for one in report.skipped] == [("heaps", "heaps-of-this-run")]


def test_status_tells_what_the_run_before_left() -> None:
    ring = ask(target(), "status").ring
    assert (ring.run, ring.previous, ring.before.key) == (2, ran(32).address, "run-before-asserted")
    assert dict(ring.before.values) == {"run": 1, "function": "tlsf_free", "text": "!block_is_free(block)"}
    assert "run 1 is kept, too: it ended in tlsf_free" in text("status", ask(target(), "status"))
    older = ask(target(), "status", "--previous").ring
    assert (older.run, older.address, older.previous, older.before) == (1, ran(32).address, None, None)


def test_without_a_run_before() -> None:
    with pytest.raises(UserError, match="keeps no run before it: start the recorder with memtrace_init_retained"):
        ask(target(previous=0), "log", "--previous")
    assert ask(target(previous=0), "status").ring.before is None
    unstarted = world([(POINTER, bytes(4))], program=Symbols(memtrace_ring=(POINTER, 4)))
    with pytest.raises(UserError, match="memtrace_init has not run"):
        ask(unstarted, "last", hex(FREED), "--previous")


def test_heaps_are_not_named_with_it() -> None:
    with pytest.raises(UserError, match="the heaps that are here now are not its"):
        ask(target(), "check", "--previous", heap="multi_heap@0x20000000")
    for command in ("free", "refs", "start"):
        with pytest.raises(UserError, match="--previous is no option"):
            parsed_in_shell(command_named(command), [hex(FREED), "--previous"][command != "refs" :])


@pytest.mark.parametrize("place", [8, HALF, 2 * HALF, -HALF, 1 << 20, 0x60000000, (1 << 64) - 8])
def test_nothing_is_read_where_no_half_can_be(place: int) -> None:
    """A damaged header must not make the debugger read a device's registers."""
    current = ran(32).number("current")
    where = (current + place) % (1 << 64) if abs(place) < 1 << 21 else place
    if where in (current - HALF,):
        return
    asked = target(previous=where)
    with pytest.raises(UserError, match=r"which is not beside this ring|cannot be read"):
        ask(asked, "log", "--previous")
    report = ask(target(previous=where), "status")
    assert report.ring.before.key == "no-run-kept" and report.trace.run == 2


def test_any_byte_of_the_header_before_may_be_wrong() -> None:
    made = ran(32)
    for at in range(0, 416, 5):
        data = bytearray(made.data)
        data[at] ^= 0x41
        pointer = made.number("current").to_bytes(4, "little")
        one = world([(made.address, bytes(data)), (POINTER, pointer)], program=Symbols(memtrace_ring=(POINTER, 4)))
        try:
            assert ask(one, "log", "--previous").trace.past
        except UserError:
            pass
        assert ask(one, "status").trace.run == 2


def test_in_an_image_without_symbols_the_newest_run_is_found() -> None:
    made = ran(32)
    report = ask(world([(made.address, made.data)]), "log", "--previous")
    assert report.trace.run == 1 and len(report.events) == len(made.expected) and report.skipped == ()
