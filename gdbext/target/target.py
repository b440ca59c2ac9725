# SPDX-License-Identifier: Apache-2.0
"""What a command may ask of the world: four small parts, composed to a target.

Approach: a target has bytes, a program, a debugger, and perhaps a trace. A part that is missing is an object that knows
nothing, or says so in one line where it must be there, so that no command asks which target it has.
Rejected: one wide interface that each target implements in full, by inheritance (most of its members were there to
refuse).
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
from gdbext.symbols.shapes import Program, Variable
from gdbext.target.settings import Settings
from gdbext.trace.trace import Trace

NEVER_RUNS = "this is a small stub, as in a chip's panic handler: nothing runs there any more that could obey"
UNKNOWN_OPERATION = said("operation-unknown")
NEEDS_GDB = "breakpoints, watchpoints and registers are GDB's: use this command there"
Registers = Dict[str, int]  # of a thread, by name
Live = Tuple[int, Sequence[Tuple[int, int]]]  # the machine's number in ELF, and what the kernel told a process


class Bytes(Protocol):
    """Memory, and how an address in it is written."""

    why_no_heaps: Optional[Said]  # what to say where a file holds none

    @property
    def saved(self) -> Optional[Saved]:
        """What `memtrace save` has noted beside it."""

    @property
    def is_file(self) -> bool:
        """Whether all of it is at hand, so that it may be searched unasked."""

    def memory(self) -> Memory:
        """The memory, or UserError."""

    def write(self, address: int, data: bytes) -> None:
        """Writes to it, and only what the user asked for by name. UserError where that cannot be."""

    def address(self, text: str) -> int:
        """An address as the user writes it, or UserError."""

    def facts(self) -> Sequence[Text]:
        """What there is to know of it, a line each."""


class Code(Program, Protocol):
    """The program that runs on the target, beside its symbols and types."""

    def build_id(self) -> Optional[str]:
        """Its build-id as hex; None: not known."""

    def writable(self) -> List[Tuple[str, int, int]]:
        """Name, start and end of the sections that it writes to."""

    def name_at(self, address: int) -> Optional[str]:
        """The variable or function at an address, with the offset in it."""

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """A recorded stack, innermost first."""

    def facts(self) -> Sequence[Text]:
        """Whose symbols are used, and what they lack."""


class Watcher(Protocol):
    """A debugger's breakpoints and watchpoints, as far as a watch needs them."""

    def arm(self, plan: WatchPlan) -> None:
        """Waits for the plan's call; without one watches its word at once. UserError where no unit is left."""

    def disarm(self) -> None:
        """Watches nothing."""

    def watched(self) -> Watched:
        """How far it has come."""


class NoProgram:
    """No program is given: nothing has a name."""

    def address_of(self, name: str) -> Optional[int]:
        """None."""
        return None

    def size_of(self, name: str) -> Optional[int]:
        """None."""
        return None

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """No variables."""
        return iter(())

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Optional[Variable]:
        """No types."""
        return None

    def build_id(self) -> Optional[str]:
        """None."""
        return None

    def writable(self) -> List[Tuple[str, int, int]]:
        """No sections."""
        return []

    def name_at(self, address: int) -> Optional[str]:
        """None."""
        return None

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """Addresses as they are."""
        return tuple(Frame(pc) for pc in pcs)

    def facts(self) -> Sequence[Text]:
        """How to name it."""
        return (said("no-program"),)


class Debugger:
    """What stops the target, and knows where it stands. This one stops nothing, and nothing runs on.

    `live`: the machine's number, of a memory that may be saved. `over`: the memory of a target whose threads cannot be
    asked for.
    """

    at_assertion = False  # the automatic breakpoint has just stopped the target, or a core was made by an assertion
    last_damage: Optional[WatchPlan] = None  # of the last report, for `memtrace watch last-damage`

    def __init__(self, live: Optional[Live] = None, over: Optional[Memory] = None) -> None:
        self._live = live
        self._over = over

    def machine(self) -> Optional[Machine]:
        """What the target's registers are called; None: they are not known."""
        return None

    def registers(self) -> Sequence[Registers]:
        """The registers of each thread, those of the selected one first; empty where there are none."""
        return ()

    def operation(self) -> Operation:
        """What the target was doing when it stopped; asked only at an assertion, or where it may explain a finding.

        Nothing is under way in a file; of a live target nobody knows.
        """
        if self._over is not None:
            self._over.remark(UNKNOWN_OPERATION)
        return Operation()

    def live(self) -> Live:
        """What saving a stopped target needs beside its memory and its threads. UserError where there is none."""
        if self._live is None:
            raise UserError("this is a file already: only a target in GDB is saved")
        return self._live

    @property
    def watcher(self) -> Watcher:
        """What watches memory; UserError where nothing can."""
        raise UserError(NEEDS_GDB)

    def facts(self) -> Sequence[Text]:
        """What there is to know of it, a line each."""
        return ()


class Target:
    """The world of a command."""

    def __init__(
        self,
        data: Bytes,
        program: Optional[Code] = None,
        debugger: Optional[Debugger] = None,
        settings: Optional[Settings] = None,
        trace: Optional[Trace] = None,
    ) -> None:
        self.bytes = data
        self.program: Code = program or NoProgram()
        self.debugger = debugger or Debugger()
        self.settings = settings or Settings()
        self.trace = trace  # that was given, as a log is; else it is looked for in memory

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """A recorded stack, innermost first, without the allocator's own frames."""
        return without_allocator(self.program.frames(pcs))


def number_of(text: str) -> int:
    """0x... or decimal, or UserError."""
    try:
        return int(text, 0)
    except ValueError:
        raise UserError(f"{text} is not an address: give 0x... or a decimal number") from None
