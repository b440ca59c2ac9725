# SPDX-License-Identifier: Apache-2.0
"""The heaps of newlib-nano and picolibc as memtrace's allocators."""

from __future__ import annotations

from typing import Iterator, Tuple, Union

from gdbext.heap.allocator import Allocator, Recognised, Unreadable
from gdbext.heap.cover import Evidence
from gdbext.heap.ends import PagedReader
from gdbext.heap.facts import HeapFacts, Rule
from gdbext.heap.geometry import Geometry, narrowed
from gdbext.heap.libc.find import completed
from gdbext.heap.libc.layout import ListChunks
from gdbext.heap.libc.lists import (
    Form,
    is_of_wider_words,
    lists_agree,
    nano_form,
    pico_form,
    recognise_lists,
    walk_lists,
)
from gdbext.heap.libc.rules_lists import NANO_RULES, PICO_RULES
from gdbext.heap.walk import Walk
from gdbext.model.region import Region
from gdbext.model.reports.base import Skipped
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader
from gdbext.symbols.shapes import Program


class _ListHeap(Allocator):
    """A heap with a list in address order through its free chunks."""

    def __init__(self, kind: str, form: Form, rules: Tuple[Rule, ...]) -> None:
        self.kind = kind
        self.form = form
        self.rules = rules

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises a chain of chunks. The checks are stricter with kind `auto`."""
        layout = recognise_lists(memory, region, self.form, region.kind == self.kind)
        if layout is None:
            return Unreadable(region, "unreadable", said("no-chunks", place=region.address))
        read = PagedReader(memory, layout.first)
        walk, agrees = walk_lists(layout, read), lists_agree(layout, read)
        good = sum(1 for payload, word in zip(walk.payloads, walk.words) if agrees(payload, word, 0))
        weight = 0 if is_of_wider_words(walk, read) else max(1, good - 4 * len(walk.breaks))
        return Recognised(self, layout, None, weight, usual=False)

    def complete(self, memory: Memory, region: Region, program: Program) -> Region:
        """Adds the places of the variables."""
        return completed(memory, region, program, self.kind)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns the chunks, and the lists through the free ones."""
        return walk_lists(narrowed(layout, ListChunks), read, evidence)

    def remarks(self, facts: HeapFacts) -> Iterator[Skipped]:
        """Remarks that free chunks are not known if the list's head is not."""
        layout = narrowed(facts.layout, ListChunks)
        if layout.head is None:
            yield Skipped(f"heap {facts.region.address:#x}", said("list-head-unknown"))

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells how free chunks are known, and where the list begins."""
        layout = narrowed(facts.layout, ListChunks)
        yield said("chunks-flagged") if layout.flagged else said("chunks-by-list")
        if layout.head is not None:
            yield said("list-begins", place=layout.head[0])


NANO = _ListHeap("newlib_nano", nano_form, NANO_RULES)
PICO = _ListHeap("picolibc", pico_form, PICO_RULES)
