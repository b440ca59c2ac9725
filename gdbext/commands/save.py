# SPDX-License-Identifier: Apache-2.0
"""`memtrace save FILE`: heaps, ring, globals, stacks and registers as an ELF core, which GDB and every command opens.

Approach: everything is read through the memory of the reports, so that what they were made of is in the file; all that
has been read goes into it. What the bytes do not tell (how heaps were found, what the target was doing) is a note.
Rejected: GDB's generate-core-file (most remote targets have none, and it would read all of memory); a format of ours
(nothing else could open it).
Cost: the heaps in full, the ring, the writable sections of the program up to 1 MiB each, 16 KiB a stack.
"""

from __future__ import annotations

import os
from argparse import Namespace
from contextlib import contextmanager
from typing import Iterator, List, Optional

from gdbext.analyse.check import Operation
from gdbext.commands.collect import Collected, collect
from gdbext.commands.host import Host, Live, UserError
from gdbext.model import SaveReport, Skipped
from gdbext.source.core import Note
from gdbext.source.core_writer import Image, core_bytes
from gdbext.source.memory import Memory
from gdbext.source.registers import auxiliary_note, prstatus, stack_pointer
from gdbext.source.replace import place_of, write_file
from gdbext.source.saved import Saved, SavedHeap, saved_notes

_LARGEST_SECTION = 1 << 20
_STACK_BYTES = 16 << 10
_BELOW_STACK = 256  # what leaf functions keep below the stack pointer


def run_save(host: Host, options: Namespace) -> SaveReport:
    """Reads all that goes into the file, writes it, and says what is in it."""
    path = os.path.expanduser(options.file)
    place = _place(path)
    memory = host.memory()
    mark = memory.mark()
    live = host.live()
    found = collect(host, options.heap, options.ring, options.pool, needed=False)
    if not found.heaps and not found.unreadable and found.trace_info is None:
        raise UserError("nothing to save: no heap and no ring was found; `memtrace status` says what is missing")
    _fetch_all(memory, found, live)
    notes = [*_registers(memory, live), *_knowledge(host, memory, found)]
    ranges = [(start, memory.snapshot.get(start, end - start) or b"") for start, end in memory.snapshot.extents()]
    source = memory.source
    data = core_bytes(Image(source.pointer_size, source.byte_order, live.number, notes, ranges))
    with _as_user_error(path):
        write_file(place, data)
    sizes = len(ranges), sum(len(data) for _, data in ranges)
    trace, skipped, cost = found.closing(memory, mark)
    return SaveReport(path, sizes[1], sizes[0], len(live.threads), len(found.heaps), trace, skipped, cost)


def _place(path: str) -> str:
    """Where the file will stand; says at once what would fail after a long read."""
    with _as_user_error(path):
        place = place_of(path)
        folder = os.path.dirname(place)
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"no file can be made in {folder}")
    return place


@contextmanager
def _as_user_error(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise UserError(f"{path} cannot be written: {problem.strerror or problem}") from None


def _fetch_all(memory: Memory, found: Collected, live: Live) -> None:
    for heap in found.heaps:
        for pool in heap.layout.pools:
            memory.fetch(
                pool.first - heap.layout.header, heap.layout.behind_pool(pool) - pool.first + heap.layout.header
            )
        memory.fetch(heap.start, heap.layout.first - heap.start)
    for start, end in live.writable:
        if end - start <= _LARGEST_SECTION:
            memory.fetch(start, end - start)
        else:
            why = (
                f"{start:#x}..{end:#x} is larger than {_LARGEST_SECTION >> 20} MiB: only heaps and ring of it are kept"
            )
            found.skipped.append(Skipped("globals", why))
    for thread in live.threads:
        stack = 0 if live.machine is None else stack_pointer(live.machine, thread)
        if stack:
            memory.fetch_known(max(0, stack - _BELOW_STACK), stack + _STACK_BYTES)


def _registers(memory: Memory, live: Live) -> List[Note]:
    """A note for each thread, the selected one first: debuggers show that one."""
    machine = live.machine
    if machine is None:
        return []
    order = memory.source.byte_order
    notes = [prstatus(machine, order, number + 1, values) for number, values in enumerate(live.threads)]
    return [*notes, auxiliary_note(live.auxiliary, machine.word, order)] if live.auxiliary else notes


def _knowledge(host: Host, memory: Memory, found: Collected) -> List[Note]:
    heaps = [heap.region for heap in found.heaps] + [heap.region for heap in found.unreadable]
    missing = [(item.check, item.why) for item in found.skipped if item.check == "heaps"]
    operation = host.operation() if found.assertion is None else Operation()
    assertion = found.assertion or operation.assertion
    saved = Saved(
        tuple(SavedHeap(**vars(region)) for region in heaps),
        tuple(missing),
        None if found.trace is None or found.trace.header is None else found.trace.header.address,
        (operation.in_allocator, operation.why, operation.asserted),
        None if assertion is None else (assertion.text, assertion.function, assertion.seq),
        host.build_id(),
    )
    return saved_notes(saved, _ring_bytes(memory, found), memory.source.byte_order)


def _ring_bytes(memory: Memory, found: Collected) -> Optional[bytes]:
    header = None if found.trace is None else found.trace.header
    if header is None:
        return None
    memory.fetch(header.address, header.total_size)
    return memory.snapshot.prefix(header.address, header.total_size)
