# SPDX-License-Identifier: Apache-2.0
"""What a command needs from the world that it runs in: GDB, or files on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional, Protocol, Tuple

from gdbext.analyse.check import Operation
from gdbext.analyse.suspects import Frames
from gdbext.commands.settings import Settings
from gdbext.heap.facts import Region
from gdbext.heap.named import Named, Symbols
from gdbext.model import Skipped
from gdbext.source.memory import Memory

if TYPE_CHECKING:
    from gdbext.source.registers import Machine
    from gdbext.source.saved import Saved


class UserError(Exception):
    """Something the user can mend; the text is one line and says how."""


class Found(NamedTuple):
    """What was looked for, and what to say about what was not found."""

    regions: List[Region]
    skipped: List[Skipped]


def found_named(memory: Memory, symbols: Symbols) -> Found:
    """The heaps that a program's symbols lead to."""
    named = Named(memory, symbols).find()
    return Found(named.regions, [Skipped("heaps", problem) for problem in named.problems])


def found_saved(saved: Saved) -> Found:
    """The heaps that were known when a core was saved."""
    return Found(
        [Region(*heap, origin="noted in the saved core") for heap in saved.heaps],
        [Skipped(*missing) for missing in saved.skipped],
    )


class Live(NamedTuple):
    """A stopped target beside its memory, for saving it."""

    number: int  # of its machine, as ELF has it
    machine: Optional[Machine]  # None: its registers cannot be saved
    threads: List[Dict[str, int]]  # registers by name, the selected thread first
    writable: List[Tuple[int, int]]  # sections of the program that it writes to
    auxiliary: List[Tuple[int, int]]  # what the kernel told a process, by number


class Thread(NamedTuple):
    """A thread: its name, its stack pointer (0: not known), and its registers."""

    name: str
    stack: int
    registers: Tuple[Tuple[str, int], ...]


class World(NamedTuple):
    """Where pointers may stand outside of heaps."""

    writable: List[Tuple[str, int, int]]  # name, start and end of memory that the program writes to
    threads: List[Thread]
    skipped: List[Skipped]


def threads_named(machine: Optional[Machine], registers: List[Dict[str, int]]) -> List[Thread]:
    """The threads of a target whose registers have been read."""
    return [
        Thread(f"thread {number + 1}", values.get(machine.sp, 0) if machine is not None else 0, tuple(values.items()))
        for number, values in enumerate(registers)
    ]


class Host(Protocol):
    """The world of a command."""

    settings: Settings

    def memory(self) -> Memory:
        """The target's memory, or UserError."""

    def write(self, address: int, data: bytes) -> None:
        """Writes to the target; only what the user asked for by name. UserError where that cannot be."""

    def facts(self) -> Tuple[str, ...]:
        """What there is to know of the program and of the debugger, a line each."""

    def build_id(self) -> Optional[str]:
        """The build-id of the program whose symbols are used, as hex; None: unknown."""

    def live(self) -> Live:
        """Threads and globals of a stopped target. UserError where there is none."""

    def roots(self) -> World:
        """Where pointers may stand outside of heaps."""

    def name_at(self, address: int) -> Optional[str]:
        """The variable at an address, with the offset in it."""

    def find_heaps(self) -> Found:
        """The heaps that symbols lead to."""

    def find_ring(self) -> Optional[int]:
        """Address of the ring's header, or None. UserError says why there is none although there should be."""

    @property
    def frames(self) -> Frames:
        """Stacks to frames."""

    @property
    def at_assertion(self) -> bool:
        """Whether the automatic breakpoint has just stopped the target."""

    def operation(self) -> Operation:
        """What the target was doing when it stopped; asked only at an assertion, or where it may explain a finding."""

    def address(self, text: str) -> int:
        """An address as the user writes it."""
