# SPDX-License-Identifier: Apache-2.0
"""memtrace save, in GDB: Save heaps, ring, globals, stacks and registers as an ELF core, which every command opens.

Approach: `save` reads through the same memory cache as the reports, and writes the whole cache to the file. So the
file has every byte that a report was made of. Notes keep what the bytes do not tell: how the heaps were found, and
what the target was doing.
Rejected: GDB's generate-core-file (most remote targets have none, and it would read all of memory); a format of
memtrace's own (nothing else could open it).
Cost: reads the heaps without the insides of their large free blocks, the ring, the program's writable sections of up to
1 MiB each, and 16 KiB of each stack.
"""

from __future__ import annotations

import os
from argparse import Namespace
from contextlib import contextmanager, suppress
from typing import Iterator, List, Sequence, Tuple

from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.commands.arguments import SOURCES
from gdbext.commands.command import Argument, Command
from gdbext.heap.facts import HeapFacts
from gdbext.model.diagnosis import Operation
from gdbext.model.errors import UserError
from gdbext.model.record import replace
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.save import SaveReport
from gdbext.model.said import Trouble, said
from gdbext.report.sentences import words
from gdbext.report.text.save import save_lines
from gdbext.source.core import Note
from gdbext.source.core_writer import core_bytes
from gdbext.source.known import gaps
from gdbext.source.memory import Memory
from gdbext.source.registers import auxiliary_note, prstatus, stack_pointer
from gdbext.source.replace import CORES, place_of, write_file
from gdbext.source.saved import Saved, saved_notes
from gdbext.target.target import Live, Registers, Target
from gdbext.trace.ring import header_before

_FILE = Argument("file", "the file to write; a core that is there is replaced", {"metavar": "FILE"})
_LARGEST_SECTION = 1 << 20
_STACK_BYTES = 16 << 10
_BELOW_STACK = 256  # bytes that leaf functions may use below the stack pointer


# Everything that was read, the live target, the registers of its threads, the path as typed, and the real path.
Kept = Tuple[Collected, Live, Sequence[Registers], str, str]


def collect_kept(target: Target, options: Namespace) -> Kept:
    """Reads everything that goes into the file."""
    path = os.path.expanduser(options.file)
    with _as_user_error(path):
        place = place_of(path, CORES)
        folder = os.path.dirname(place)
        if not os.access(folder, os.W_OK):  # fail now, not after a long read
            raise PermissionError(f"no file can be made in {folder}")
    target.bytes.memory()
    live = target.debugger.live()
    threads = target.debugger.registers()
    found = collect(target, options, needed=False)
    if not found.heaps and not found.unreadable and found.trace.info is None:
        raise UserError("nothing to save: no heap and no ring was found; `memtrace status` says what is missing")
    _fetch_all(found, threads)
    return found, live, threads, path, place


def write(kept: Kept, _: Namespace) -> SaveReport:
    """Writes the file. The report says what is in it."""
    found, (number, auxiliary), threads, path, place = kept
    memory = found.memory
    notes = [*_registers(found, threads, auxiliary), *_own_notes(found)]
    ranges = [(start, memory.snapshot.get(start, end - start) or b"") for start, end in memory.snapshot.extents()]
    source = memory.source
    data = core_bytes(source.pointer_size, source.byte_order, number, notes, ranges)
    with _as_user_error(path):
        write_file(place, data, CORES)
    size = sum(len(data) for _, data in ranges)
    return SaveReport(*found.closing(), path, size, len(ranges), len(threads), len(found.heaps))


@contextmanager
def _as_user_error(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise UserError(f"{path} cannot be written: {problem.strerror or problem}") from None


def _fetch_all(found: Collected, threads: Sequence[Registers]) -> None:
    memory, machine = found.memory, found.target.debugger.machine()
    for heap in found.heaps:
        for low, high in heap.spans_without_free():
            memory.fetch(low, high - low)
        memory.fetch(heap.start, heap.layout.first - heap.start)
    for _, start, end in found.target.program.writable():
        if end - start <= _LARGEST_SECTION:
            memory.fetch(start, end - start)
        else:
            why = said("section-too-large", start=start, end=end, most=_LARGEST_SECTION)
            found.skipped.append(Skipped("globals", why))
    for thread in threads:
        stack = 0 if machine is None else stack_pointer(machine, thread)
        if stack:
            memory.fetch_known(max(0, stack - _BELOW_STACK), stack + _STACK_BYTES)


def _registers(found: Collected, threads: Sequence[Registers], auxiliary: Sequence[Tuple[int, int]]) -> List[Note]:
    """Returns a note for each thread, the selected one first: debuggers show the first one."""
    machine, order = found.target.debugger.machine(), found.memory.source.byte_order
    if machine is None:
        return []
    notes = [prstatus(machine, order, number + 1, values) for number, values in enumerate(threads)]
    return [*notes, auxiliary_note(auxiliary, machine.word, order)] if auxiliary else notes


def _own_notes(found: Collected) -> List[Note]:
    target, memory = found.target, found.memory
    header = found.trace.header
    ring = None
    if header is not None:
        memory.fetch(header.address, header.total_size)
        ring = memory.snapshot.prefix(header.address, header.total_size)
        if header.previous:
            with suppress(Trouble):  # the file says as much as the target did
                before = header_before(memory, header)
                memory.fetch(before.address, before.total_size)
    heaps = [heap.region for heap in found.heaps] + [heap.region for heap in found.unreadable]
    missing = [(item.check, words(item.why)) for item in found.skipped if item.check == "heaps"]
    told = target.debugger.operation()
    operation = told if found.trace.assertion is None else Operation()
    assertion = found.trace.assertion or operation.assertion
    saved = Saved(
        tuple(replace(region, origin=words(region.origin)) for region in heaps),
        tuple(missing),
        None if header is None else header.address,
        (operation.in_allocator, words(operation.why), operation.asserted),
        None if assertion is None else (assertion.text, assertion.function, assertion.seq, assertion.fault),
        target.program.build_id(),
        tuple(part for heap in found.heaps for part in _left_out(heap, memory)),
        told.given if target.debugger.looks_dead else None,
    )
    return saved_notes(saved, ring, memory.source.byte_order)


def _left_out(heap: HeapFacts, memory: Memory) -> Iterator[Tuple[int, int]]:
    """Yields the parts of a heap that can be read and were not, because nobody uses them."""
    kept = list(heap.spans_without_free())
    for (_, low), (high, _) in zip(kept, kept[1:]):
        for start, end in memory.snapshot.missing(low, high):
            yield from gaps(memory.failed(start, end), start, end)


COMMAND = Command(__name__, __doc__, (_FILE, *SOURCES), collect_kept, write, save_lines, SaveReport)
