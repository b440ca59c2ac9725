# SPDX-License-Identifier: Apache-2.0
"""Defines the target of a command, which is composed of four small parts.

Approach: a target has bytes, a program, a debugger, and perhaps a trace. A missing part is an object that knows
nothing; if a command needs the part, the object refuses in one line. So no command asks which kind of target it has.
Rejected: one wide interface that each target implements in full, by inheritance. Most of its members only refused.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Protocol, Sequence, Tuple

from gdbext.heap.names import without_allocator
from gdbext.model.diagnosis import Operation
from gdbext.model.errors import UserError
from gdbext.model.events import Frame, Stack
from gdbext.model.machine import Machine
from gdbext.model.said import Said, Text, said
from gdbext.model.watch import Watched, WatchPlan
from gdbext.source.memory import Memory
from gdbext.source.saved import Saved
from gdbext.symbols.code import Sample
from gdbext.symbols.shapes import Program, Variable
from gdbext.target.settings import Settings
from gdbext.trace.trace import Trace
from gdbext.trace.wish import Wish

NEVER_RUNS = "this is a small stub, as in a chip's panic handler: nothing runs there any more that could obey"
UNKNOWN_OPERATION = said("operation-unknown")
NEEDS_GDB = "breakpoints, watchpoints and registers are GDB's: use this command there"
Registers = Dict[str, int]  # of one thread, by name
Live = Tuple[int, Sequence[Tuple[int, int]]]  # the machine's number in ELF, and the auxiliary vector


class Bytes(Protocol):
    """Memory, and the parser of its addresses."""

    why_no_heaps: Optional[Said]  # the reason to give if a file has no heaps

    @property
    def saved(self) -> Optional[Saved]:
        """The note of `memtrace save`, or None."""

    @property
    def is_file(self) -> bool:
        """True if all bytes are in files: memtrace may search them without being asked."""

    def memory(self) -> Memory:
        """Returns the memory. UserError says why there is none."""

    def write(self, address: int, data: bytes) -> None:
        """Writes to the memory. Call it only if the user asked for this by name. UserError if it cannot be written."""

    def address(self, text: str) -> int:
        """Parses an address that the user wrote. UserError if it is none."""

    def facts(self) -> Sequence[Text]:
        """Returns lines that describe the memory."""


class Code(Program, Protocol):
    """The program that runs on the target, beside its symbols and types."""

    def build_id(self) -> Optional[str]:
        """Returns the build-id as hex; None if it is not known."""

    def writable(self) -> List[Tuple[str, int, int]]:
        """Returns name, start and end of the sections that the program writes to."""

    def code(self) -> List[Sample]:
        """Returns samples of the program's code, from its file."""

    def name_at(self, address: int) -> Optional[str]:
        """Returns the variable or function at an address, as NAME or NAME+OFFSET, or None."""

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """Returns the frames of a recorded stack, innermost first."""

    def facts(self) -> Sequence[Text]:
        """Returns lines that name the program, and say what its symbols lack."""


class Watcher(Protocol):
    """The breakpoints and watchpoints of a debugger that a watch needs."""

    def arm(self, plan: WatchPlan) -> None:
        """Waits for the plan's call, or watches its word at once if it has none. UserError if no unit is free."""

    def disarm(self) -> None:
        """Stops watching."""

    def look_again(self) -> bool:
        """Tells whether the word has changed although no core's write was seen."""

    def require_unit(self) -> None:
        """Ends the watch and raises UserError if its watchpoint cannot be set any more."""

    def watched(self) -> Watched:
        """Returns the state of the watch."""


class Log(Protocol):
    """A log in place of memory."""

    def trace(self, wish: Wish) -> Trace:
        """Reads the log, once, and returns what is wished for of it."""

    def unnamed(self) -> Sequence[Said]:
        """Returns why its addresses have no names, or only poor ones."""

    @property
    def addressed(self) -> bool:
        """Tells whether it has the addresses of blocks."""


class NoProgram:
    """Stands for a missing program: nothing has a name."""

    def address_of(self, name: str) -> Optional[int]:
        """Returns None."""
        return None

    def size_of(self, name: str) -> Optional[int]:
        """Returns None."""
        return None

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Yields nothing."""
        return iter(())

    def libraries(self) -> Sequence[str]:
        """Returns nothing."""
        return ()

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Optional[Variable]:
        """Returns None."""
        return None

    def code(self) -> List[Sample]:
        """Returns []."""
        return []

    def build_id(self) -> Optional[str]:
        """Returns None."""
        return None

    def writable(self) -> List[Tuple[str, int, int]]:
        """Returns []."""
        return []

    def name_at(self, address: int) -> Optional[str]:
        """Returns None."""
        return None

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """Returns frames that have only addresses."""
        return tuple(Frame(pc) for pc in pcs)

    def facts(self) -> Sequence[Text]:
        """Returns a line that tells how to name the program."""
        return (said("no-program"),)


class Debugger:
    """Knows the threads of a stopped target. This class knows none, and is the base of those that do.

    `live`: machine and auxiliary vector, if the memory may be saved. `over`: the memory of a live target whose threads
    are unknown; `operation` then adds a remark to it.
    """

    at_death = False  # an assertion or a fault in an allocator has just stopped the target, or ended it, for a core
    last_damage: Optional[WatchPlan] = None  # from the last report, for `memtrace watch last-damage`

    def __init__(self, live: Optional[Live] = None, over: Optional[Memory] = None) -> None:
        self._live = live
        self._over = over

    @property
    def looks_dead(self) -> bool:
        """True if the stop looks like a death of the program: `operation` is worth its reads."""
        return self.at_death

    def machine(self) -> Optional[Machine]:
        """Returns the machine, which names the registers; None if it is unknown."""
        return None

    def registers(self) -> Sequence[Registers]:
        """Returns the registers of each thread, the selected one first; empty if there are none."""
        return ()

    def operation(self) -> Operation:
        """Returns the operation under way when the target stopped.

        It is called only at an assertion, or if it may explain a finding. In files no operation is under way. If the
        threads of a live target are unknown, a remark says so.
        """
        if self._over is not None:
            self._over.remark(UNKNOWN_OPERATION)
        return Operation()

    def live(self) -> Live:
        """Returns machine and auxiliary vector, which `memtrace save` needs. UserError if the target is a file."""
        if self._live is None:
            raise UserError("this is a file already: only a target in GDB is saved")
        return self._live

    @property
    def watcher(self) -> Watcher:
        """The watcher of memory. UserError if there is none."""
        raise UserError(NEEDS_GDB)

    def facts(self) -> Sequence[Text]:
        """Returns lines that describe the debugger."""
        return ()


class Target:
    """The target of a command: its bytes, program, debugger, settings, and perhaps a trace."""

    def __init__(
        self,
        data: Bytes,
        program: Optional[Code] = None,
        debugger: Optional[Debugger] = None,
        settings: Optional[Settings] = None,
        log: Optional[Log] = None,
    ) -> None:
        self.bytes = data
        self.program: Code = program or NoProgram()
        self.debugger = debugger or Debugger()
        self.settings = settings or Settings()
        self.log = log  # None: the trace is searched for in memory

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """Returns the frames of a recorded stack, innermost first, without the allocator's own."""
        return without_allocator(self.program.frames(pcs))


def fitting(text: str, number: int, width: int) -> int:
    """Returns a number as an address of `width` bytes; a negative one as C's cast would. UserError if it is wider."""
    bits = 8 * width
    if not -(1 << bits - 1) <= number < 1 << bits:
        raise UserError(f"{text} is wider than an address, which has {bits} bits here")
    return number & ((1 << bits) - 1)
