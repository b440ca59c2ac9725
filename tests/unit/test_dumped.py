# SPDX-License-Identifier: Apache-2.0
"""Heaps of which a core has the used blocks alone: poison is checked all the same."""

from __future__ import annotations

from argparse import Namespace

import pytest

from gdbext.analyse.rules import run_rules
from gdbext.collect.collected import Collected
from gdbext.commands import free
from gdbext.heap.tlsf.used_blocks import read_used_blocks
from gdbext.model.record import replace
from gdbext.model.said import said
from gdbext.report.text.free import free_lines
from gdbext.source.core import CoreSource, parse_core
from gdbext.source.memory import Memory
from gdbext.target.files import FileBytes
from gdbext.target.target import Target
from tests.support.core import core_bytes
from tests.unit.dumped_world import CLEAN, dumped, region


def test_blocks_and_requests_are_those_of_the_truth() -> None:
    facts = read_used_blocks(dumped({}), region())
    assert facts is not None and facts.guards.kind == "light"
    listed = [(facts.user(raw), raw, size, facts.requested(raw)) for raw, size in facts.walk.used()]
    truth = sorted(CLEAN.truth.blocks, key=lambda block: block.raw)
    assert listed == [(block.payload, block.raw, block.size, block.requested) for block in truth]
    assert run_rules(facts)[0] == []


@pytest.mark.parametrize("end", ["head", "tail"])
def test_a_broken_canary_is_found(end: str) -> None:
    block = CLEAN.truth.blocks[7]
    at = block.raw if end == "head" else block.payload + block.requested
    facts = read_used_blocks(dumped({at: b"oops"}), region())
    assert facts is not None
    (fault,) = run_rules(facts)[0]
    assert (fault.rule, fault.block) == (f"poison-{end}", block.raw)


def test_what_is_free_is_not_known() -> None:
    """The free blocks are not in the core. That is not the same as none."""
    found = Collected(Target(FileBytes(dumped({}))))
    facts = read_used_blocks(dumped({}), region())
    assert facts is not None
    found.heaps.append(facts)
    report = free.analyse((found, (), ()), Namespace(request=None, caps=None))
    (heap,) = report.heaps
    assert (heap.free_blocks, heap.free_bytes, heap.largest_free, heap.fragmentation) == (None,) * 4
    assert heap.used_blocks == len(CLEAN.truth.blocks)
    lines = list(free_lines(report))
    assert lines[2] == "  free        not known: only the used blocks are here"
    assert not any("0 bytes in 0 blocks" in line for line in lines)


def test_where_the_last_block_ends_is_told() -> None:
    """A dump that ESP-IDF broke off at damage looks like one of a heap that is free from there on."""
    facts = read_used_blocks(dumped({}), region())
    assert facts is not None
    last = max(block.raw + block.size for block in CLEAN.truth.blocks)
    remarks = [item.why for item in facts.allocator.remarks(facts)]
    assert said("no-used-block-behind", place=last, end=region().end) in remarks
    whole = read_used_blocks(dumped({}), replace(region(), end=last))
    assert whole is not None
    assert [item.why for item in whole.allocator.remarks(whole)] == [said("used-blocks-alone")]


def test_a_core_without_such_segments_has_no_such_heap() -> None:
    elf = core_bytes([(0x1000, b"x" * 64)])
    assert read_used_blocks(Memory(CoreSource(parse_core(elf))), region()) is None
