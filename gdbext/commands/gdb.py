# SPDX-License-Identifier: Apache-2.0
"""The table of commands in GDB: registers them, and reports at the stop of a heap assertion.

Approach: one prefix with a subcommand for each row of the table, dashed aliases for daily use, one internal
breakpoint for the assertion's stop hook. Everything that was read is kept until the target runs or its memory
changes.
Rejected: gdb.post_event for the report (never runs in batch mode, and can crash GDB 13 at exit).
"""

from __future__ import annotations

import shlex
from typing import Any, Dict, List, Optional, Tuple

import gdb

from gdbext.analyse.check import Operation
from gdbext.analyse.suspects import Frames
from gdbext.commands.host import Found, UserError
from gdbext.commands.table import COMMANDS, Command, help_of, parser_of, render
from gdbext.heap.caps import read_registered
from gdbext.model import Skipped
from gdbext.source.gdb_inferior import GdbSource, NoTarget
from gdbext.source.memory import Memory
from gdbext.symbols.gdb_symbols import GdbSymbols, address_of
from gdbext.symbols.names import is_allocator

STOP_FUNCTION = "memtrace_assert_stop"
_FRAMES_LOOKED_AT = 12


class GdbHost:
    """GDB as the world of a command."""

    def __init__(self) -> None:
        self._memory: Optional[Memory] = None
        self._symbols = GdbSymbols()

    def forget(self, *_: Any) -> None:
        """What was read is no longer true: the target runs, or somebody wrote to it."""
        self._memory = None

    def forget_symbols(self, *_: Any) -> None:
        """The program changed."""
        self._symbols = GdbSymbols()
        self._memory = None

    def memory(self) -> Memory:
        """The selected inferior's memory, kept until it may change."""
        if self._memory is None:
            try:
                self._memory = Memory(GdbSource())
            except NoTarget as problem:
                raise UserError(str(problem)) from None
        return self._memory

    def find_heaps(self) -> Found:
        """The heaps that symbols lead to."""
        head = address_of("registered_heaps")
        if head is None:
            return Found([], [])
        regions, problem = read_registered(self.memory(), head)
        if problem is not None:
            return Found(regions, [Skipped("heaps", problem)])
        if not regions:
            return Found([], [Skipped("heaps", "no heap is registered yet: continue to main, then look again")])
        return Found(regions, [])

    def find_ring(self) -> Optional[int]:
        """What memtrace_ring points to."""
        symbol = address_of("memtrace_ring")
        return None if symbol is None else self.memory().word(symbol)

    @property
    def frames(self) -> Frames:
        """Stacks to frames by GDB's tables."""
        return self._symbols.frames

    def operation(self) -> Operation:
        """Whether any thread stands in an allocator's function."""
        chosen = gdb.selected_thread()
        try:
            for thread in gdb.selected_inferior().threads():
                thread.switch()
                name = _allocator_frame()
                if name is not None:
                    return Operation(True, f"the target stopped in {name}")
        finally:
            chosen.switch()
        return Operation()

    def address(self, text: str) -> int:
        """A GDB expression, with registers and variables."""
        try:
            return int(gdb.parse_and_eval(text).cast(gdb.lookup_type("unsigned long")))
        except gdb.error as problem:
            raise UserError(f"{text}: {problem}") from None


def _allocator_frame() -> Optional[str]:
    """The allocator's function that the selected thread is in, or None."""
    frame: Optional[gdb.Frame] = gdb.newest_frame()
    for _ in range(_FRAMES_LOOKED_AT):
        if frame is None:
            return None
        name = frame.name()
        if name is not None and is_allocator(name):
            return name
        try:
            frame = frame.older()
        except gdb.error:
            return None
    return None


HOST = GdbHost()


class TableCommand(gdb.Command):
    """A row of the table as a GDB command."""

    def __init__(self, command: Command) -> None:
        self.__doc__ = help_of(command, command.alias or f"memtrace {command.name}")
        self._command = command
        super().__init__(f"memtrace {command.name}", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Runs the command; what the user can mend comes as one line."""
        prog = self._command.alias or f"memtrace {self._command.name}"
        try:
            options = parser_of(self._command, prog).parse_args(shlex.split(argument))
            text = render(self._command, self._command.run(HOST, options), options)
        except (UserError, ValueError) as problem:
            raise gdb.GdbError(f"memtrace: {problem}") from None
        gdb.write(text + "\n")


class Prefix(gdb.Command):
    """memtrace: who broke the heap, who leaks it. Every command of memtrace begins with this word."""

    def __init__(self) -> None:
        super().__init__("memtrace", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class AssertionStop(gdb.Breakpoint):
    """The one automatic breakpoint: where the recorder says that the allocator has asserted."""

    def __init__(self) -> None:
        super().__init__(STOP_FUNCTION, gdb.BP_BREAKPOINT, internal=True)
        self.silent = True


class Stops:
    """Arms the automatic breakpoint and reports when it is hit."""

    def __init__(self) -> None:
        self.registered = False
        self._breakpoint: Optional[AssertionStop] = None

    def arm(self, *_: Any) -> None:
        """Sets the breakpoint once the program has the stop hook."""
        alive = self._breakpoint is not None and self._breakpoint.is_valid()
        if not alive and address_of(STOP_FUNCTION) is not None:
            self._breakpoint = AssertionStop()

    def stopped(self, event: gdb.Event) -> None:
        """Reports at our own breakpoint; any other stop costs nothing."""
        if isinstance(event, gdb.BreakpointEvent) and self._breakpoint in event.breakpoints:
            gdb.execute("memtrace check")


STOPS = Stops()


def _aliases() -> List[Tuple[str, str]]:
    return [(command.alias, f"memtrace {command.name}") for command in COMMANDS if command.alias]


def register() -> None:
    """Adds commands, aliases and event handlers; a second call changes nothing."""
    if STOPS.registered:
        return
    STOPS.registered = True
    Prefix()
    for command in COMMANDS:
        TableCommand(command)
    for alias, target in _aliases():
        gdb.execute(f"alias {alias} = {target}")
    events: Dict[Any, Any] = {
        gdb.events.cont: HOST.forget,
        gdb.events.memory_changed: HOST.forget,
        gdb.events.exited: HOST.forget,
        gdb.events.stop: STOPS.stopped,
    }
    for registry, handler in events.items():
        registry.connect(handler)
    gdb.events.new_objfile.connect(HOST.forget_symbols)
    gdb.events.new_objfile.connect(STOPS.arm)
    STOPS.arm()
