# SPDX-License-Identifier: Apache-2.0
"""What a command needs from the world that it runs in: GDB, or files on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional, Protocol, Sequence, Tuple

from gdbext.analyse.check import Operation
from gdbext.commands.settings import Settings
from gdbext.heap.allocator import Named
from gdbext.heap.region import Region
from gdbext.heap.registry import KINDS, find_named
from gdbext.heap.search import search_file
from gdbext.model import Skipped, Stack
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Program

if TYPE_CHECKING:
    from gdbext.analyse.watch import WatchPlan
    from gdbext.kernel.freertos import Tasks
    from gdbext.source.registers import Machine
    from gdbext.source.saved import Saved

FRAGILE = "a small stub, as in a chip's panic handler: nothing runs or breaks there; block headers are read, no more"
NEVER_RUNS = "this is a small stub, as in a chip's panic handler: nothing runs there any more that could obey"
UNKNOWN_OPERATION = (
    "whether the target stands inside of the allocator is not known over this link: what an unfinished malloc or free "
    "leaves half done looks like damage"
)
NO_REGISTERS = "there are no registers here: what only they lead to is not seen"


class UserError(Exception):
    """Something the user can mend; the text is one line and says how."""


def found_in_file(memory: Memory, program: Optional[Program]) -> Named:
    """The heaps of a file: those that symbols lead to, else those that show themselves.

    A list that can be read and is empty or broken is the truth; a core without it says nothing of its heaps.
    """
    named = Named([], []) if program is None else find_named(memory, program)
    if named.regions or named.final:
        return named
    searched = search_file(memory)
    return Named(searched.regions, [*named.problems, *searched.left_out])


def found_saved(saved: Saved) -> Named:
    """The heaps that were known when a core was saved."""
    regions = [Region(**heap._asdict()) for heap in saved.heaps if heap.kind in KINDS]
    return Named(regions, [why for _, why in saved.skipped])


class Live(NamedTuple):
    """A stopped target beside its memory, for saving it."""

    number: int  # of its machine, as ELF has it
    machine: Optional[Machine]  # None: its registers cannot be saved
    threads: List[Dict[str, int]]  # registers by name, the selected thread first
    writable: List[Tuple[int, int]]  # sections of the program that it writes to
    auxiliary: List[Tuple[int, int]]  # what the kernel told a process, by number


class Thread(NamedTuple):
    """A thread: its name, from where on its stack is in use (0: not known), and its registers."""

    name: str
    stack: int
    registers: Tuple[Tuple[str, int], ...]


class World(NamedTuple):
    """Where pointers may stand outside of heaps."""

    writable: List[Tuple[str, int, int]]  # name, start and end of memory that the program writes to
    threads: List[Thread]
    skipped: List[Skipped]
    absent: Sequence[Tuple[str, int, int]] = ()  # the same as what is writable, but not in the files that are given


def threads_named(machine: Optional[Machine], registers: List[Dict[str, int]]) -> List[Thread]:
    """The threads of a target whose registers have been read."""
    from gdbext.source.registers import stack_pointer, without_dead_windows  # not needed by those who only load us

    below = 0 if machine is None else machine.below
    pointers = [0 if machine is None else max(0, stack_pointer(machine, values) - below) for values in registers]
    return [
        Thread(f"thread {number + 1}", pointer, tuple(without_dead_windows(values).items()))
        for number, (pointer, values) in enumerate(zip(pointers, registers))
    ]


class Watched(NamedTuple):
    """How far a watch has come."""

    state: str = "off"  # "waiting", "watching" or "written"
    address: Optional[int] = None
    plan: Optional[WatchPlan] = None
    before: Optional[int] = None
    after: Optional[int] = None
    stack: Tuple[int, ...] = ()
    thread: Optional[str] = None
    by_allocator: int = 0
    by_owner: int = 0


class Watcher(Protocol):
    """A debugger's breakpoints and watchpoints, as far as a watch needs them."""

    last_damage: Optional[WatchPlan]

    def arm(self, plan: WatchPlan) -> None:
        """Waits for the plan's call; without one watches its word at once. UserError where no unit is left."""

    def go_on(self) -> None:
        """The call has been reached: watches the word."""

    def disarm(self) -> None:
        """Watches nothing."""

    def watched(self) -> Watched:
        """How far it has come."""


class Host(Protocol):
    """The world of a command."""

    settings: Settings

    def memory(self) -> Memory:
        """The target's memory, or UserError."""

    def write(self, address: int, data: bytes) -> None:
        """Writes to the target; only what the user asked for by name. UserError where that cannot be."""

    def keep_plan(self, plan: WatchPlan) -> None:
        """Keeps what `memtrace watch last-damage` needs of a report."""

    @property
    def watcher(self) -> Watcher:
        """What watches memory; UserError where nothing can."""

    def facts(self) -> Tuple[str, ...]:
        """What there is to know of the program and of the debugger, a line each."""

    def build_id(self) -> Optional[str]:
        """The build-id of the program whose symbols are used, as hex; None: unknown."""

    def live(self) -> Live:
        """Threads and globals of a stopped target. UserError where there is none."""

    @property
    def program(self) -> Optional[Program]:
        """The program's symbols and types; None: there is no program."""

    def roots(self) -> World:
        """Where pointers may stand outside of heaps."""

    def tasks(self) -> Tasks:
        """The tasks of the kernel, by its own lists."""

    def name_at(self, address: int) -> Optional[str]:
        """The variable or function at an address, with the offset in it."""

    def find_heaps(self) -> Named:
        """The heaps that symbols lead to."""

    def find_ring(self) -> Optional[int]:
        """Address of the ring's header, or None. UserError says why there is none although there should be."""

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """A recorded stack, innermost first, without the allocator's own frames."""

    @property
    def at_assertion(self) -> bool:
        """Whether the automatic breakpoint has just stopped the target."""

    def operation(self) -> Operation:
        """What the target was doing when it stopped; asked only at an assertion, or where it may explain a finding."""

    def address(self, text: str) -> int:
        """An address as the user writes it."""
