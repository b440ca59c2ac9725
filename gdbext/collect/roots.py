# SPDX-License-Identifier: Apache-2.0
"""Collects the roots, memory outside of the heaps that may hold pointers: globals, stacks, registers and --scan ranges.

Approach: the target gives the program's writable memory and the registers of its threads. Heaps and ring are taken out
of it, because they are full of addresses that nobody uses as pointers. The stacks of threads and of a kernel's tasks
are scanned from their stack pointers on. The unused part of a task's stack is left out of the block or variable that it
lies in. Memory that should have been scanned and was not is counted: unless all is scanned, no block can be called
unreachable.
Cost: the globals, up to 64 KiB for each stack, and the heaps without the insides of their large free blocks.
"""

from __future__ import annotations

from typing import Iterable, Iterator, List, Sequence, Tuple

from gdbext.analyse.reach import Reach, Register, Root, UsedBlock
from gdbext.analyse.stacks import TaskStack, task_stacks
from gdbext.collect.collected import Collected
from gdbext.collect.world import Section, Thread, sections_of, threads_named
from gdbext.kernel.kernels import read_tasks
from gdbext.model.region import Span
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.refs import Scanned, Unscanned
from gdbext.model.said import said
from gdbext.source.memory import Memory

_STACK_BYTES = 64 << 10
_LARGEST_ROOT = 64 << 20
_UNTOLD = "stacks of tasks that the kernel's lists do not tell"


class Scan:
    """Everything that is scanned for pointers, and what should be and cannot."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.roots: List[Root] = []
        self.registers: List[Register] = []
        self.unscanned: List[Unscanned] = []

    def scanned(self, memory: Memory) -> Tuple[Scanned, ...]:
        """Returns what is scanned, in bytes."""
        blocks = sum(block.end - block.start - _missing(memory, *block[:2]) for block in self.reach.blocks)
        known = (Scanned(*root, root.end - root.start - _missing(memory, *root[2:])) for root in self.roots)
        registers = [Scanned("register", "registers", None, None, len(self.registers))] if self.registers else []
        heaps = Scanned("heap", f"{len(self.reach.blocks):,} used blocks", None, None, blocks)
        return (*known, *registers, heaps)


def _missing(memory: Memory, start: int, end: int) -> int:
    return sum(high - low for low, high in memory.snapshot.missing(start, end))


def collect_scan(found: Collected, named: Iterable[Span]) -> Scan:
    """Reads everything that is scanned. `named` are the ranges of --scan."""
    target = found.target
    memory = target.bytes.memory()
    _fetch_blocks(found)
    scan = Scan(Reach(memory.snapshot, used_blocks(found), found.trace.own))
    threads = threads_named(target.debugger.machine(), target.debugger.registers())
    sections, absent = sections_of(target)
    scan.unscanned += _lacking(found, threads, sections, absent)
    stacks = _of_tasks(scan, threads, found)
    for thread, pointer, registers in threads:
        scan.registers += [(f"{thread} {name}", value) for name, value in registers.items()]
        if not any(stack.low <= pointer < stack.end for stack in stacks):
            scan.roots += _stack(memory, scan, sections, f"stack of {thread}", pointer)
    others = [Root("memory", "--scan", start, end) for start, end in dict.fromkeys(named)]
    for root in others:
        memory.allow(root.start, root.end)
    writable = [Root("global", *section) for section in sections]
    taken = [(heap.start, heap.end) for heap in found.heaps] + list(found.trace.own)
    taken += [(stack.low, stack.end) for stack in stacks]
    for root in (*writable, *others):
        scan.roots += _without(root, taken, scan, found)
    for root in scan.roots:
        memory.fetch_known(root.start, root.end)
        missing = _missing(memory, root.start, root.end)
        if missing and not memory.interrupted:  # what Ctrl-C left unread could be read
            where = said("memory-at", name=root.name, start=root.start, end=root.end)
            whole = missing == root.end - root.start
            why = said("root-unread", where=where) if whole else said("root-partly-unread", bytes=missing, where=where)
            found.skipped.append(Skipped("scan", why))
        if missing:
            scan.unscanned.append(Unscanned(*root, missing))
    missing = sum(_missing(memory, block.start, block.end) for block in scan.reach.blocks)
    scan.unscanned += [Unscanned("heap", "used blocks", None, None, missing)] if missing else []
    return scan


def _lacking(
    found: Collected, threads: Sequence[Thread], sections: Sequence[Section], absent: Sequence[Section]
) -> Iterator[Unscanned]:
    """Yields what a whole scan needs and this target does not have, and adds the reasons to `skipped`."""
    if not threads:
        found.skipped.append(Skipped("scan", said("no-registers")))
        yield Unscanned("register", "registers", None, None, None)
    if not sections:
        if not found.target.bytes.is_file:
            found.skipped.append(Skipped("scan", said("no-globals")))
        yield Unscanned("global", "globals", None, None, None)
    for name, start, end in absent:
        found.skipped.append(
            Skipped("scan", said("not-in-files", where=said("memory-at", name=name, start=start, end=end)))
        )
        yield Unscanned("global", name, start, end, end - start)
    for heap in found.unreadable:
        found.skipped.append(Skipped(f"heap {heap.region.address:#x}", heap.why))
        yield Unscanned("heap", f"the heap at {heap.region.address:#x}", heap.region.start, heap.region.end, None)
    for facts in found.heaps:
        for gap in facts.walk.gaps():
            yield Unscanned("heap", "where no block could be proven", gap.start, gap.end, gap.end - gap.start)


def _fetch_blocks(found: Collected) -> None:
    for heap in found.heaps:
        for low, high in heap.spans_without_free():
            found.memory.fetch(low, high - low)
        for gap in heap.walk.gaps():
            found.skipped.append(Skipped("scan", said("gap-not-scanned", start=gap.start, end=gap.end)))


def used_blocks(found: Collected) -> List[UsedBlock]:
    """Returns the used blocks of all heaps, without reading anything more."""
    return [
        UsedBlock(raw, heap.end_of(raw), heap.user(raw), heap.region.address, heap.layout.old_link(heap.end_of(raw)))
        for heap in found.heaps
        for raw in heap.walk.payloads
        if not heap.is_free(raw)
    ]


def _of_tasks(scan: Scan, threads: Sequence[Thread], found: Collected) -> List[TaskStack]:
    """Returns the stacks of the kernel's tasks. The used part of each becomes a root, the rest is not scanned."""
    target = found.target
    tasks = read_tasks(target.bytes.memory(), target.program)
    pointers = [stack for _, stack, _ in threads]
    stacks, problems = task_stacks(tasks.tasks, scan.reach, pointers, target.bytes.memory().known_end)
    found.skipped += [Skipped("scan", problem) for problem in (*tasks.problems, *problems)]
    scan.unscanned += [Unscanned("stack", _UNTOLD, None, None, None)] if tasks.problems else []
    for stack in stacks:
        scan.reach.set_aside(stack.low, stack.end)
        scan.roots += [Root("stack", stack.name, stack.top, stack.end)] if stack.top < stack.end else []
    return stacks


def _stack(memory: Memory, scan: Scan, sections: Sequence[Section], name: str, low: int) -> List[Root]:
    """Returns the used part of a thread's stack, which begins at `low`, as a root.

    Returns no root if the stack lies in a variable, because variables are scanned whole. Outside of a block the stack
    ends after 64 KiB, at the next block, or where memory cannot be read.
    """
    if any(start <= low < end for _, start, end in sections):
        return []
    reach = scan.reach
    block = reach.block_at(low)
    end = low + _STACK_BYTES if block is None else reach.blocks[block].end
    end = min([end, *(used.start for used in reach.blocks if block is None and used.start > low)])
    end = min(end, memory.known_end(low))
    memory.fetch_known(low, end)
    if block is None:
        end = next((low for low, high in memory.snapshot.missing(low, end) if high == end), end)
    if low < end:
        return [Root("stack", name, low, end)]
    scan.unscanned.append(Unscanned("stack", name, low, None, None))
    return []


def _without(root: Root, taken: Sequence[Tuple[int, int]], scan: Scan, found: Collected) -> List[Root]:
    """Returns the parts of a range that lie in none of `taken` and are small enough to scan."""
    parts, low = [], root.start
    for start, end in sorted(taken):
        if start < root.end and end > low:
            parts.append((low, start))
            low = max(low, end)
    parts.append((low, root.end))
    kept = [root._replace(start=start, end=end) for start, end in parts if start < end]
    large = [part for part in kept if part.end - part.start > _LARGEST_ROOT]
    for part in large:
        why = said("root-too-large", name=part.name, start=part.start, end=part.end, most=_LARGEST_ROOT)
        found.skipped.append(Skipped("scan", why))
    scan.unscanned += [Unscanned(*part, part.end - part.start) for part in large]
    return [part for part in kept if part not in large]
