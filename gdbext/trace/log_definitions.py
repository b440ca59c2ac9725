# SPDX-License-Identifier: Apache-2.0
"""Keeps what the records of a log define: stacks, names, heaps, modules, counts, and the text of an assertion.

Approach: a record with a number that was defined before replaces the older one. Each table has room for so much: a log
that defines more is not lost, but the rest has no names.
Cost: a tuple for each stack.
"""

from __future__ import annotations

import struct
from typing import Callable, Dict, List, Optional, Tuple

from gdbext.model.events import CUT_STACK, ENDED_STACK
from gdbext.model.profile import Process
from gdbext.trace.format import MEMORIES, Header

DEF_STACK, DEF_NAME, DEF_MODULE, PACK, STREAM, COUNTS, FAILURE, PROCESS, SKIP = range(16, 25)
NAME_CONTEXT, NAME_MARK, NAME_TAG, NAME_HEAP = 1, 2, 3, 4
MOST_FRAMES = 255
MOST_PCS = 1 << 24  # of all stacks
MOST_NAMES = 1 << 16
MOST_HEAPS = 1 << 12
MOST_MODULES = 1 << 14
LONGEST_TEXT = 4096  # bytes of a name or path
COUNTERS = 8
STACK_ENDS = {1: CUT_STACK, 2: ENDED_STACK}  # by the heap field of a definition: what stands behind the PCs
_PROCESS_HEAD = 16


class Definitions:
    """The definitions of one run of a log."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drops all definitions: the next run has its own."""
        self.stacks: Dict[int, Tuple[int, ...]] = {}  # PCs as recorded, by number; behind them the end, if not whole
        self.names: Dict[int, Tuple[int, str]] = {}  # of contexts and marks: the kind of name, and the name
        self.tags: Dict[int, Tuple[int, str]] = {}  # the same of tags, which have numbers of their own
        self.heaps: Dict[int, Tuple[str, int, int]] = {}  # name, kind of memory, capabilities
        self.modules: List[Tuple[int, str, str]] = []  # load base, build-id, path
        self.counts: Tuple[int, ...] = ()
        self.failure: Optional[Tuple[str, str]] = None  # function and text of the last assertion
        self.process: Optional[Process] = None
        self._pcs = 0

    def copy(self) -> Definitions:
        """Returns these definitions, for whoever needs them when the next run has begun."""
        same = Definitions()
        same.__dict__.update((name, vars(self)[name]) for name in vars(same))
        return same

    def define(self, header: Header, kind: int, number: int, heap: int, payload: bytes) -> bool:
        """Takes a record. Returns False if it makes no sense, or if there is no room for it."""
        mark = "<" if header.byte_order == "little" else ">"
        takers: Dict[int, Callable[[], bool]] = {
            DEF_STACK: lambda: self._take_stack(mark, header.pointer_size, number, heap, payload),
            DEF_NAME: lambda: self._take_name(mark, number, heap, payload),
            DEF_MODULE: lambda: self._take_module(number, payload),
            COUNTS: lambda: self._take_counts(mark, payload),
            FAILURE: lambda: self._take_failure(payload),
            PROCESS: lambda: self._take_process(mark, payload),
        }
        return takers[kind]() if kind in takers else True

    def _take_stack(self, mark: str, width: int, number: int, end: int, payload: bytes) -> bool:
        count, rest = divmod(len(payload), width)
        if rest or not 0 < count <= MOST_FRAMES or not number or self._pcs + count > MOST_PCS:
            return False
        pcs: Tuple[int, ...] = struct.unpack(f"{mark}{count}{'I' if width == 4 else 'Q'}", payload)
        pcs += (STACK_ENDS[end],) if end in STACK_ENDS else ()
        self._pcs += len(pcs) - len(self.stacks.get(number, ()))
        self.stacks[number] = pcs
        return True

    def _take_name(self, mark: str, number: int, kind: int, payload: bytes) -> bool:
        if kind == NAME_HEAP:
            if len(payload) < 8 or (len(self.heaps) >= MOST_HEAPS and number not in self.heaps):
                return False
            memory, capabilities = struct.unpack_from(mark + "2I", payload)
            self.heaps[number] = (_text(payload[8:]), memory if memory in MEMORIES else 0, capabilities)
            return True
        known = self.tags if kind == NAME_TAG else self.names
        if kind not in (NAME_CONTEXT, NAME_MARK, NAME_TAG) or (len(known) >= MOST_NAMES and number not in known):
            return False
        known[number] = (kind, _text(payload))
        return True

    def _take_module(self, base: int, payload: bytes) -> bool:
        length = payload[0] if payload else 0
        if not payload or len(payload) < 1 + length or len(self.modules) >= MOST_MODULES:
            return False
        self.modules.append((base, payload[1 : 1 + length].hex(), _text(payload[1 + length :])))
        return True

    def _take_counts(self, mark: str, payload: bytes) -> bool:
        if len(payload) < 4 * COUNTERS:
            return False
        self.counts = struct.unpack_from(f"{mark}{COUNTERS}I", payload)
        return True

    def _take_failure(self, payload: bytes) -> bool:
        function, _, text = payload.partition(b"\0")
        self.failure = _text(function), _text(text)
        return True

    def _take_process(self, mark: str, payload: bytes) -> bool:
        if len(payload) < _PROCESS_HEAD:
            return False
        parent, how, own_bytes = struct.unpack_from(mark + "2IQ", payload)
        self.process = Process(parent, how, own_bytes, _text(payload[_PROCESS_HEAD:]))
        return True


def _text(data: bytes) -> str:
    return data[:LONGEST_TEXT].decode("utf-8", "replace")
