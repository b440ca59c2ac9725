# SPDX-License-Identifier: Apache-2.0
"""Whole lines of a cache, and stacks that ran over: said where the bytes and the memory show it, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from gdbext.report.sentences import words
from tests.docs.sentences.traces import BASE, USED, above_the_heap, cache_lines

DMA, OTHER = 1 << 3, 1 << 12
LINE = BASE + (USED[3] - BASE) // 32 * 32


def first(told: Any) -> Any:
    return told[0].findings[0]


def kinds(told: Any) -> list[str]:
    return [one.kind for one in first(told).explanations]


def test_whole_lines_in_memory_for_dma_may_be_a_dma() -> None:
    told = cache_lines(LINE, 64, DMA | OTHER)
    [said] = [one for one in first(told).explanations if one.kind == "dma"]
    lines, size = (1, 64) if LINE % 64 == 0 else (2, 32)
    noun = "line" if lines == 1 else "lines"
    assert words(said.text) == f"a DMA, or a cache that was written back late: {lines} {noun} of {size} bytes, whole"
    assert said.certainty == "possible"
    assert kinds(told)[0] != "dma"


@pytest.mark.parametrize(
    ("start", "length", "capability"),
    [(LINE + 4, 64, DMA), (LINE, 60, DMA), (LINE, 64, OTHER), (LINE, 64, 0)],
    ids=["begins-elsewhere", "ends-elsewhere", "no-dma", "nothing-known"],
)
def test_other_bounds_and_other_memory_are_no_dma(start: int, length: int, capability: int) -> None:
    assert "dma" not in kinds(cache_lines(start, length, capability))


def test_a_stack_in_a_variable_above_the_heap_ran_over() -> None:
    told = above_the_heap()
    assert kinds(told)[0] == "stack-overflow"
    assert dict(first(told).explanations[0].text.values)["task"] == "net"
