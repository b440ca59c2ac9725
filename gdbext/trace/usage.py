# SPDX-License-Identifier: Apache-2.0
"""Reads the counters of modules that c_helpers/usage keeps, where there is no RAM for a ring.

Approach: the program's symbol says where the array of counters lies, its size how many there are. An entry is six words
and a name of 20 bytes.
Rejected: a header in front of them (what is in flash is not in an image of RAM, and RAM is what lacks).
Cost: one read.
"""

from __future__ import annotations

import struct
from typing import Iterator, Tuple

from gdbext.model.reports.free import ModuleUse
from gdbext.model.said import Trouble, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Program

MODULES = "memtrace_usage_modules"
_NAME_BYTES = 20
_MOST_MODULES = 256
_COUNTERS = 6


def read_usage(memory: Memory, program: Program) -> Tuple[ModuleUse, ...]:
    """Returns the modules that have a name or have allocated. Empty if the program counts none.

    Raises Trouble if the counters cannot be read.
    """
    place, size = program.address_of(MODULES), program.size_of(MODULES)
    if place is None or not size:
        return ()
    width = memory.source.pointer_size
    form = struct.Struct(
        f"{'<' if memory.source.byte_order == 'little' else '>'}{_COUNTERS}{'IQ'[width == 8]}{_NAME_BYTES}s"
    )
    entry = -(-form.size // width) * width
    data = memory.get(place, entry * min(size // entry, _MOST_MODULES))
    if data is None:
        raise Trouble(said("usage-unread", place=place))
    return tuple(_modules(form, data, entry))


def _modules(form: struct.Struct, data: bytes, entry: int) -> Iterator[ModuleUse]:
    for number in range(len(data) // entry):
        *counters, text = form.unpack_from(data, number * entry)
        name = text.split(b"\0")[0].decode("utf-8", "replace") or None
        if name is not None or any(counters):
            yield ModuleUse(number, name, *counters)
