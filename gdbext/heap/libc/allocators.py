# SPDX-License-Identifier: Apache-2.0
"""The heaps of newlib-nano and picolibc as memtrace's allocators."""

from __future__ import annotations

from typing import Iterator, Mapping, Tuple, Union

from gdbext.heap.allocator import Allocator, Recognised, Unreadable
from gdbext.heap.cover import Evidence, Proven
from gdbext.heap.ends import PagedReader
from gdbext.heap.facts import HeapFacts, Rule
from gdbext.heap.geometry import Geometry, narrowed
from gdbext.heap.libc.dlmalloc import BINS, DlChunks, recognise_dlmalloc, walk_dlmalloc
from gdbext.heap.libc.find import BINS_NAME, completed
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
from gdbext.heap.libc.rules_dlmalloc import DL_RULES
from gdbext.heap.libc.rules_lists import NANO_RULES, PICO_RULES
from gdbext.heap.walk import Walk
from gdbext.model.record import replace
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


class _Dlmalloc(Allocator):
    """newlib's full malloc."""

    kind = "newlib"
    rules = DL_RULES

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises chunks that lead to the top chunk of a table of bins."""
        layout = recognise_dlmalloc(memory, region)
        walk = None if layout is None else walk_dlmalloc(layout, PagedReader(memory, layout.first))
        if layout is None or walk is None or not walk.payloads:
            return Unreadable(region, "unreadable", said("no-bins", place=region.address))
        return Recognised(self, layout, None, max(1, len(walk.payloads) - 4 * len(walk.breaks)))

    def complete(self, memory: Memory, region: Region, program: Program) -> Region:
        """Adds the place of the bins."""
        table = program.address_of(BINS_NAME)
        if table is None or "bins" in region.hints:
            return region
        return replace(region, hints={**region.hints, "bins": table})

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns the chunks, and the bins."""
        return walk_dlmalloc(narrowed(layout, DlChunks), read, evidence)

    def fetch(self, memory: Memory, region: Region, layout: Geometry, proven: Mapping[int, Proven]) -> None:
        """Reads the heap, its table of bins, and the fences behind its pieces."""
        memory.fetch(narrowed(layout, DlChunks).bins, (2 * BINS + 2) * layout.word)
        for pool in layout.pools[:-1]:
            memory.fetch(pool.end - layout.word, 2 * layout.word)
        super().fetch(memory, region, layout, proven)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells where the bins are."""
        yield said("bins-at", place=narrowed(facts.layout, DlChunks).bins)


DLMALLOC = _Dlmalloc()
NANO = _ListHeap("newlib_nano", nano_form, NANO_RULES)
PICO = _ListHeap("picolibc", pico_form, PICO_RULES)
