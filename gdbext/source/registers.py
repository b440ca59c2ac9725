# SPDX-License-Identifier: Apache-2.0
"""Reads and writes the registers of threads in a core's NT_PRSTATUS notes, and finds the stack pointer in them."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Tuple

from gdbext.model.machine import Machine, machine_of
from gdbext.source.core import Core, Note
from gdbext.source.snapshot import ByteOrder

PRSTATUS, AUXILIARY = 1, 6
OWNER = "CORE"
_ID_AT = {4: 24, 8: 32}
_FIRST_AT = {4: 72, 8: 112}
ESP_INFO = ("ESP_CORE_DUMP_INFO", 8266)
_FAULT_SIGNALS = (4, 7, 8, 11)  # SIGILL, SIGBUS, SIGFPE, SIGSEGV; the note begins with the number
_BEHIND = {4: 4, 8: 8}  # pr_fpvalid, padded


def stack_pointer(machine: Machine, values: Mapping[str, int]) -> int:
    """Returns a thread's stack pointer; 0 if unknown. With register windows it is a1 of the current window."""
    turned = 4 * values.get("windowbase", 0)
    return values.get(f"ar{turned + 1}" if turned else machine.sp, 0)


def without_dead_windows(values: Mapping[str, int]) -> Dict[str, int]:
    """Returns the registers without Xtensa's dead windows, which belong to calls that have returned.

    Dead are the windows from behind the current window's sixteen registers up to that of the oldest call that is not
    spilled.
    """
    windows, base = values.get("windowstart", 0), values.get("windowbase", 0)
    count = 16 if any(values.get(f"ar{number}") for number in range(32, 64)) else 8
    oldest = next((step for step in range(1, count) if windows >> (base + step) % count & 1), count)
    dead = [4 * ((base + step) % count) for step in range(4, oldest)] if windows else []
    gone = {f"ar{first + number}" for first in dead for number in range(4)}
    return {name: value for name, value in values.items() if name not in gone}


def prstatus(machine: Machine, order: ByteOrder, thread: int, values: Mapping[str, int]) -> Note:
    """Returns the NT_PRSTATUS note of one thread."""
    word, at = machine.word, _FIRST_AT[machine.word]
    data = bytearray(at + word * len(machine.registers) + _BEHIND[word])
    data[_ID_AT[word] : _ID_AT[word] + 4] = thread.to_bytes(4, order)
    for position, name in enumerate(machine.registers):
        value = values.get(name or "", 0) & ((1 << 8 * word) - 1)
        data[at + position * word : at + (position + 1) * word] = value.to_bytes(word, order)
    return Note(OWNER, PRSTATUS, bytes(data))


def ended_by_fault(core: Core) -> bool:
    """Returns True if a fault ended the program of a core: a signal says so, or the core is of ESP-IDF, which writes
    one at a panic alone. The core's first thread met the fault.
    """
    data = core.note(OWNER, PRSTATUS) or b""
    return int.from_bytes(data[:4], core.byte_order) in _FAULT_SIGNALS or core.note(*ESP_INFO) is not None


def auxiliary_note(pairs: Iterable[Tuple[int, int]], word: int, order: ByteOrder) -> Note:
    """Returns a note with a process's auxiliary vector, which tells where it was loaded."""
    numbers = [number for pair in (*pairs, (0, 0)) for number in pair]
    return Note(OWNER, AUXILIARY, b"".join(number.to_bytes(word, order) for number in numbers))


def auxiliary_of(core: Core) -> Dict[int, int]:
    """Returns the auxiliary vector of a core, by number."""
    data, word = core.note(OWNER, AUXILIARY) or b"", core.pointer_size
    numbers = [int.from_bytes(data[at : at + word], core.byte_order) for at in range(0, len(data) // word * word, word)]
    return dict(zip(numbers[::2], numbers[1::2]))


def threads_of(core: Core) -> List[Dict[str, int]]:
    """Returns the registers of each thread of a core; [] if the machine is unknown."""
    machine = machine_of(core.machine, core.pointer_size)
    if machine is None:
        return []
    threads, word = [], machine.word
    for note in core.notes:
        if note.kind == PRSTATUS and note.owner == OWNER:
            starts = (_FIRST_AT[word] + position * word for position in range(len(machine.registers)))
            values = (note.data[start : start + word] for start in starts)
            named = ((name, value) for name, value in zip(machine.registers, values) if len(value) == word)
            threads.append({name: int.from_bytes(value, core.byte_order) for name, value in named if name is not None})
    return threads
