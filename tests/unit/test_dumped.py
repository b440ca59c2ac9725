# SPDX-License-Identifier: Apache-2.0
"""Heaps of which a core has the used blocks alone: poison is checked all the same."""

from __future__ import annotations

import pytest

from gdbext.analyse.rules import run_rules
from gdbext.heap.tlsf.used_blocks import read_used_blocks
from gdbext.source.core import CoreSource, parse_core
from gdbext.source.memory import Memory
from tests.support.core import core_bytes
from tests.unit.dumped_world import CLEAN, dumped, region


def test_blocks_and_requests_are_those_of_the_truth() -> None:
    facts = read_used_blocks(dumped({}), region())
    assert facts is not None and facts.guards.kind == "light"
    listed = [(facts.user(raw), raw, size, facts.requested(raw)) for raw, size in facts.used]
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


def test_a_core_without_such_segments_has_no_such_heap() -> None:
    elf = core_bytes([(0x1000, b"x" * 64)])
    assert read_used_blocks(Memory(CoreSource(parse_core(elf))), region()) is None
