# SPDX-License-Identifier: Apache-2.0
"""One crash as the rules see it: its facts, its frames, what lies where; and the verdict that a rule gives."""

from __future__ import annotations

import re
from typing import Callable, Optional, Tuple

from gdbext.analyse.console.facts import Facts, facts_of
from gdbext.analyse.console.memory import Places
from gdbext.analyse.console.messages import ALLOCATOR_FILE
from gdbext.heap.names import is_allocator, is_wrapper
from gdbext.model.console import Crash
from gdbext.model.events import Frame, Stack
from gdbext.model.record import Record
from gdbext.model.said import Said, said
from gdbext.symbols.names import is_assertion, is_copier, is_fault

Names = Callable[[Crash], Stack]  # the frames of a crash, innermost first
# Functions of kernels and C libraries through which a program's own calls go, as their sources name them.
_OF_SYSTEM = re.compile(
    r"esp_\w*(?:panic|abort|vApplication)\w*|_?esp_error_check\w*|panic\w*|x(?:Queue|Task|Port|Semaphore|EventGroup)\w*"
    r"|v(?:Task|Port|Queue|List|Application)\w*|uxList\w*|prv[A-Z]\w*|lock_\w+|_lock_\w+|_+\w*printf\w*|__assert\w*"
    r"|nxsem_\w+|dump_\w+|up_\w+|k_sem_\w+|z_\w+|arch_\w+"
)
_SYSTEM_FILE = re.compile(
    r"/esp-idf/|/framework-espidf/|/components/(?:freertos|heap|newlib|esp_\w+|log|lwip|mbedtls)/|/zephyr/(?!samples)"
    r"|/nuttx/(?!apps)|/cores/esp(?:32|8266)/|/glibc|/FreeRTOS-?Kernel/"
)


class Verdict(Record):
    """What a rule says of a crash: the most important sentence first."""

    situation: str
    certainty: str
    text: Tuple[Said, ...]
    addresses: Tuple[int, ...] = ()
    expected: Optional[int] = None
    got: Optional[int] = None
    got_is: Optional[str] = None
    by: Optional[int] = None


class Case:
    """One crash, with all that the rules ask of it."""

    def __init__(self, crash: Crash, frames: Stack) -> None:
        self.crash = crash
        self.facts: Facts = facts_of(crash)
        self.frames = frames
        self.places = Places(crash.chip, crash.architecture, self._address_of_code(), self._address_in_ram())

    @property
    def pc(self) -> Optional[int]:
        """The address where it stopped."""
        registers = self.crash.named_registers
        return next(
            (one for one in (self.crash.pc, registers.get("pc"), registers.get("mepc")) if one is not None), None
        )

    @property
    def is_cut(self) -> bool:
        """Tells whether the text ends, or lacks bytes, inside of the dump: Espressif's have a fault's address."""
        registers = self.crash.named_registers
        is_theirs = ("gp" in registers and "mepc" in registers) or "ps" in registers
        has_end = "mtval" in registers or "excvaddr" in registers
        return self.crash.is_cut or ((self.crash.chip or "").startswith("esp") and is_theirs and not has_end)

    def _address_of_code(self) -> Optional[int]:
        told = (self.pc, self.facts.abort, *self.crash.backtrace[:1])
        return next((one for one in told if one), None)

    def _address_in_ram(self) -> Optional[int]:
        marks = self.facts.marks
        return marks[0].address if marks else self.crash.named_registers.get("sp")

    @property
    def is_named(self) -> bool:
        """Tells whether any frame has a name."""
        return any(frame.function for frame in self.frames)

    def allocator_frame(self) -> Optional[Frame]:
        """The innermost frame, if it is the allocator's: behind those of a panic and of an assertion."""
        for frame in self.frames:
            function = frame.function or ""
            if _is_of_allocator(frame):
                return frame
            if not (is_assertion(function) or is_fault(function)):
                return None
        return None

    def asserted(self) -> Optional[Said]:
        """The assertion that failed: its condition, or at least its place."""
        found = self.facts.assertion
        if found is None:
            return None
        what, file = found.what or found.function, found.file or found.function
        if not what:
            return said("assert-at", file=file, line=found.line)
        return said("assert-of", what=what, file=file, line=found.line)

    def calls_allocator(self) -> bool:
        """Tells whether the crash happened somewhere below a call of the allocator."""
        return any(map(_is_of_allocator, self.frames))

    def own_frame(self) -> Optional[Frame]:
        """The innermost frame of the application itself."""
        return next(filter(_is_own, self.frames), None)


def _is_of_allocator(frame: Frame) -> bool:
    """Helpers of an allocator are known by their file alone."""
    return is_allocator(frame.function or "") or ALLOCATOR_FILE.search(frame.file or "") is not None


def _is_own(frame: Frame) -> bool:
    function = frame.function or ""
    if not function or _is_of_allocator(frame) or _SYSTEM_FILE.search(frame.file or ""):
        return False
    if is_wrapper(frame) or is_assertion(function) or is_fault(function) or is_copier(function):
        return False
    return _OF_SYSTEM.fullmatch(function) is None
