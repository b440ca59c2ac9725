# SPDX-License-Identifier: Apache-2.0
"""Collects where pointers may stand outside of the heaps: globals, stacks, registers, and what the user names.

Approach: a host says what its program writes to and where its threads stand; the heaps and the ring are taken out, for
they are full of addresses that nobody uses as pointers. A stack that lies in a block is read from its stack pointer on,
and so are the stacks of FreeRTOS's tasks, wherever they lie; what is below is left out of blocks and variables.
What should have been scanned and was not is kept, in numbers: from less than all nothing can be called unreachable.
Cost: the globals, up to 64 KiB a stack, and the heaps in full.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterator, List, Sequence, Tuple

from gdbext.analyse.reach import Held, Reach, Register, Root
from gdbext.commands.collect import Collected
from gdbext.commands.host import Host, Thread, UserError, World
from gdbext.model import Scanned, Skipped, Unscanned
from gdbext.source.known import parse_ranges
from gdbext.source.memory import Memory

if TYPE_CHECKING:
    from gdbext.analyse.stacks import TaskStack

_STACK_BYTES = 64 << 10
_LARGEST_ROOT = 64 << 20
_UNTOLD = "stacks of tasks that the kernel's lists do not tell"


@dataclass
class Scan:
    """What is scanned."""

    reach: Reach
    roots: List[Root] = field(default_factory=list)
    registers: List[Register] = field(default_factory=list)
    unscanned: List[Unscanned] = field(default_factory=list)

    def scanned(self, memory: Memory) -> Tuple[Scanned, ...]:
        """The same in numbers."""
        blocks = sum(block.end - block.start - _missing(memory, *block[:2]) for block in self.reach.blocks)
        known = (Scanned(*root, root.end - root.start - _missing(memory, *root[2:])) for root in self.roots)
        registers = [Scanned("register", "registers", None, None, len(self.registers))] if self.registers else []
        heaps = Scanned("heap", f"{len(self.reach.blocks):,} used blocks", None, None, blocks)
        return (*known, *registers, heaps)


def _missing(memory: Memory, start: int, end: int) -> int:
    return sum(high - low for low, high in memory.snapshot.missing(start, end))


def collect_scan(host: Host, options: Namespace, found: Collected) -> Scan:
    """Reads everything that is scanned."""
    memory = host.memory()
    scan = Scan(Reach(memory.snapshot, _blocks(memory, found), found.books))
    world = host.roots()
    found.skipped += world.skipped
    scan.unscanned += _absent(world, found)
    stacks = _of_tasks(host, scan, world, found)
    for thread in world.threads:
        scan.registers += [Register(f"{thread.name} {name}", value) for name, value in thread.registers]
        if not any(stack.holds(thread.stack) for stack in stacks):
            scan.roots += _stack(memory, scan, world.writable, thread)
    named = [Root("memory", "--scan", start, end) for text in options.scan for start, end in _ranges(text)]
    for root in named:
        memory.allow(root.start, root.end)
    writable = [Root("global", name, start, end) for name, start, end in world.writable]
    taken = [(heap.start, heap.end) for heap in found.heaps] + found.books
    taken += [(stack.low, stack.end) for stack in stacks]
    for root in (*writable, *named):
        scan.roots += _without(root, taken, scan, found)
    for root in scan.roots:
        memory.fetch_known(root.start, root.end)
        missing = _missing(memory, root.start, root.end)
        if missing:
            how = "" if missing == root.end - root.start else f"{missing:,} bytes of "
            why = f"{how}{root.name} at {root.start:#x}..{root.end:#x} could not be read"
            found.skipped.append(Skipped("scan", why))
            scan.unscanned.append(Unscanned(*root, missing))
    missing = sum(_missing(memory, block.start, block.end) for block in scan.reach.blocks)
    scan.unscanned += [Unscanned("heap", "used blocks", None, None, missing)] if missing else []
    return scan


def _absent(world: World, found: Collected) -> Iterator[Unscanned]:
    """What a whole scan needs and this world does not have."""
    if not world.threads:
        yield Unscanned("register", "registers", None, None, None)
    if not world.writable:
        yield Unscanned("global", "globals", None, None, None)
    for name, start, end in world.absent:
        found.skipped.append(Skipped("scan", f"{name} at {start:#x}..{end:#x} is not in the files"))
        yield Unscanned("global", name, start, end, end - start)
    for heap in found.unreadable:
        found.skipped.append(Skipped(f"heap {heap.region.address:#x}", heap.why))
        yield Unscanned("heap", f"the heap at {heap.region.address:#x}", heap.region.start, heap.region.end, None)
    for facts in found.heaps:
        for gap in facts.walk.gaps():
            yield Unscanned("heap", "where no block could be proven", gap.start, gap.end, gap.end - gap.start)


def _blocks(memory: Memory, found: Collected) -> List[Held]:
    for heap in found.heaps:
        if heap.layout.fills_pools:
            for pool in heap.layout.pools:
                memory.fetch(pool.first, heap.layout.behind_pool(pool) - pool.first)
        for gap in heap.walk.gaps():
            why = f"no block could be proven in {gap.start:#x}..{gap.end:#x}: what points from there is not seen"
            found.skipped.append(Skipped("scan", why))
    return held_blocks(found)


def held_blocks(found: Collected) -> List[Held]:
    """The used blocks of all heaps. Nothing is read."""
    return [
        Held(raw, heap.end_of(raw), heap.user(raw), heap.region.address)
        for heap in found.heaps
        for raw in heap.walk.payloads
        if not heap.is_free(raw)
    ]


def _of_tasks(host: Host, scan: Scan, world: World, found: Collected) -> List[TaskStack]:
    """The stacks of the kernel's tasks: what is in use of them becomes a root, the rest belongs to nothing."""
    from gdbext.analyse.stacks import task_stacks  # not needed by those who only load us

    tasks = host.tasks()
    pointers = [thread.stack for thread in world.threads]
    stacks = task_stacks(tasks.tasks, scan.reach, pointers, host.memory().known_end)
    found.skipped += [Skipped("scan", problem) for problem in (*tasks.problems, *stacks.problems)]
    scan.unscanned += [Unscanned("stack", _UNTOLD, None, None, None)] if tasks.problems else []
    for stack in stacks.known:
        scan.reach.set_aside(stack.low, stack.end)
        scan.roots += [Root("stack", stack.name, stack.top, stack.end)] if stack.top < stack.end else []
    return stacks.known


def _stack(memory: Memory, scan: Scan, writable: Sequence[Tuple[str, int, int]], thread: Thread) -> List[Root]:
    """The used part of a stack; none if it lies in a variable, which is scanned whole.

    Where nothing tells its end, it ends with the memory that can be read.
    """
    if any(start <= thread.stack < end for _, start, end in writable):
        return []
    reach, name = scan.reach, f"stack of {thread.name}"
    block = reach.block_at(thread.stack)
    end = thread.stack + _STACK_BYTES if block is None else reach.blocks[block].end
    end = min([end, *(held.start for held in reach.blocks if block is None and held.start > thread.stack)])
    end = min(end, memory.known_end(thread.stack))
    memory.fetch_known(thread.stack, end)
    if block is None:
        end = next((low for low, high in memory.snapshot.missing(thread.stack, end) if high == end), end)
    if thread.stack < end:
        return [Root("stack", name, thread.stack, end)]
    scan.unscanned.append(Unscanned("stack", name, thread.stack, None, None))
    return []


def _ranges(text: str) -> List[Tuple[int, int]]:
    try:
        return parse_ranges(text)
    except ValueError as problem:
        raise UserError(f"--scan {problem}") from None


def _without(root: Root, taken: Sequence[Tuple[int, int]], scan: Scan, found: Collected) -> List[Root]:
    """The parts of a range that are neither heap nor ring."""
    parts, low = [], root.start
    for start, end in sorted(taken):
        if start < root.end and end > low:
            parts.append((low, start))
            low = max(low, end)
    parts.append((low, root.end))
    kept = [root._replace(start=start, end=end) for start, end in parts if start < end]
    large = [part for part in kept if part.end - part.start > _LARGEST_ROOT]
    why = f"is larger than {_LARGEST_ROOT >> 20} MiB: name what matters of it with --scan"
    found.skipped += [Skipped("scan", f"{part.name} {part.start:#x}..{part.end:#x} {why}") for part in large]
    scan.unscanned += [Unscanned(*part, part.end - part.start) for part in large]
    return [part for part in kept if part not in large]
