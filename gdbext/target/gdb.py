# SPDX-License-Identifier: Apache-2.0
"""GDB's selected inferior as a target: live, over a stub, or a core.

Approach: everything that was read is kept until the target runs or its memory changes.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Sequence, Tuple

import gdb

from gdbext.heap.names import operation_in
from gdbext.model.diagnosis import Operation
from gdbext.model.errors import UserError, one_line
from gdbext.model.events import Assertion, Frame, Stack
from gdbext.model.machine import Machine, machine_of
from gdbext.model.record import replace
from gdbext.model.said import Said, Text, said
from gdbext.source.chip import CHIP_MEMORY, chip_memory
from gdbext.source.core import Core
from gdbext.source.gdb_inferior import (
    NamedMemory,
    auxiliary_vector,
    inferior_key,
    is_core,
    is_fragile,
    machine_number,
    named_memory,
    program_memory,
    selected_source,
    thread_registers,
)
from gdbext.source.known import Known, parse_ranges
from gdbext.source.link import Say
from gdbext.source.memory import Memory, NoTarget
from gdbext.source.saved import Saved, read_saved
from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.gdb_symbols import GdbProgram, address_of, failed_assertion, size_of
from gdbext.target.rsp import RspBytes
from gdbext.target.settings import Settings
from gdbext.target.target import NEVER_RUNS, UNKNOWN_OPERATION, Debugger, Live, Registers, Target, Watcher
from gdbext.trace.ring import message_of

_FRAMES_LOOKED_AT = 12
_ELF_64, _ELF_BIG = 2, 2
# Where a heap assertion stops, best first: the recorder's hook, the C library's assert, its abort.
STOP_FUNCTIONS = ("memtrace_assert_stop", "__assert_func", "abort")


class GdbBytes:
    """The selected inferior's memory."""

    why_no_heaps: Optional[Said] = None

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._memory: Optional[Memory] = None
        self._of: Optional[Tuple[int, int, int]] = None  # which inferior's memory that is
        self._named: Optional[NamedMemory] = None
        self._named_by: Optional[Tuple[int, int, int]] = None
        self._at_condition = False

    @property
    def is_file(self) -> bool:
        """Whether GDB has opened a core."""
        return is_core()

    @property
    def saved(self) -> Optional[Saved]:
        """What `memtrace save` has noted in this core."""
        core: Optional[Core] = getattr(self.memory().source, "core", None)
        return None if core is None else read_saved(core)

    @contextmanager
    def at_condition(self) -> Iterator[None]:
        """While a breakpoint's condition is asked: what is read inside is read anew, and not kept."""
        self.forget()
        self._at_condition = True
        try:
            yield
        finally:
            self._at_condition = False
            self.forget()

    def forget(self, *_: Any) -> None:
        """What was read is no longer true: the target runs, or somebody wrote to it."""
        self._memory = None

    def forget_program(self) -> None:
        """The program changed, and with it what memory it names."""
        self._memory = self._named_by = None

    def memory(self) -> Memory:
        """The selected inferior's memory, kept until it may change."""
        if self._memory is None or self._of != inferior_key():
            try:
                source = selected_source(self._at_condition)
            except NoTarget as problem:
                raise UserError(f"{problem}{_missing_architecture()}") from None
            fragile = is_fragile()
            if self._named_by != inferior_key():  # asked for once a program and target, not at every stop
                self._named, self._named_by = named_memory(), inferior_key()
            known = None if self._named is None else _known_of(self._named, self._settings, fragile)
            self._memory = Memory(source, self._say, known, self._settings.plan, fragile)
            core = getattr(source, "core", None)
            self._memory.standing += core.remarks if core is not None else ()
            self._of = inferior_key()
            _allow_chip_memory(self._memory)
        return self._memory

    def write(self, address: int, data: bytes) -> None:
        """Writes to the live target; a core is refused."""
        self.memory()
        if is_core():
            raise UserError("a core dump cannot be asked: this needs a live target")
        if is_fragile():
            raise UserError(NEVER_RUNS)
        try:
            gdb.selected_inferior().write_memory(address, data)
        except gdb.error as problem:
            raise UserError(f"{address:#x} cannot be written: {one_line(problem)}") from None
        self.forget()

    def address(self, text: str) -> int:
        """A GDB expression, with registers and variables."""
        try:
            return int(gdb.parse_and_eval(text).cast(gdb.lookup_type("unsigned long")))
        except gdb.error as problem:
            raise UserError(f"{text}: {one_line(problem)}") from None

    def facts(self) -> Sequence[Text]:
        """What kind of a stub is on the other side, if that matters."""
        return [said("link-fragile")] if is_fragile() else []

    def held(self) -> Optional[Memory]:
        """What has been read of the target, as a memory that reads nothing more."""
        if self._memory is None or self._of != inferior_key():
            return None
        return Memory(self._memory.snapshot)


def _known_of(named: NamedMemory, settings: Settings, fragile: bool) -> Known:
    """A neighbourhood is a guess, which a fragile stub does not survive."""
    ranges, writable = named
    return Known([*ranges, *parse_ranges(settings.memory)], [] if fragile else writable)


class GdbDebugger(Debugger):
    """GDB's threads and frames, and the one automatic breakpoint: where a heap assertion stops."""

    def __init__(self, data: GdbBytes, watcher: Watcher, settings: Settings) -> None:
        super().__init__()
        self._bytes = data
        self._watcher = watcher
        self._settings = settings
        self._breakpoint: Optional[gdb.Breakpoint] = None
        self._function = ""  # that it is set on

    @property
    def watcher(self) -> Watcher:
        """GDB's watchpoints."""
        return self._watcher

    def arm(self, *_: Any) -> None:
        """Sets the breakpoint on the best function that the program has; removes it where it must not be."""
        wanted = next((name for name in STOP_FUNCTIONS if address_of(name) is not None), None)
        if is_fragile() or not self._settings.auto_stop:
            wanted = None  # inserting it would write to the chip
        if self._breakpoint is not None and self._breakpoint.is_valid():
            if self._function == wanted:
                return
            self._breakpoint.delete()
        self._breakpoint = None
        if wanted is not None:
            self._breakpoint = gdb.Breakpoint(wanted, gdb.BP_BREAKPOINT, internal=True)
            self._breakpoint.silent = True
            self._function = wanted

    def connected(self, *_: Any) -> None:
        """Takes the breakpoint away from a stub that would not survive it, before anything can be resumed."""
        if is_fragile():
            self.arm()

    def stopped(self, event: gdb.Event) -> None:
        """Compares a stop with the breakpoint; sets that again where it had been taken away from another target."""
        self.at_assertion = isinstance(event, gdb.BreakpointEvent) and self._breakpoint in event.breakpoints
        if self._breakpoint is None:
            self.arm()

    def facts(self) -> Sequence[Text]:
        """Where the automatic breakpoint is."""
        if self._breakpoint is not None and self._breakpoint.is_valid():
            return [said("stop-at", function=self._function)]
        if is_fragile():
            return [said("no-stop-fragile")]
        if not self._settings.auto_stop:
            return [said("no-stop-off")]
        return [said("no-stop-function", functions=STOP_FUNCTIONS)]

    def machine(self) -> Optional[Machine]:
        """The row of the selected thread's machine."""
        return machine_of(machine_number(), self._bytes.memory().source.pointer_size)

    def registers(self) -> Sequence[Registers]:
        """The target's threads, if this machine's registers are known."""
        machine = self.machine()
        return [] if machine is None else thread_registers(filter(None, machine.registers))

    def live(self) -> Live:
        """The stopped target's; a core is one already."""
        if is_core():
            raise UserError("this is a core already: copy its file")
        return machine_number(), auxiliary_vector()

    def operation(self) -> Operation:
        """Whether any thread stands in an allocator's function, and in which assertion, if debug information tells."""
        if self._bytes.memory().fragile:
            self._bytes.memory().remark(UNKNOWN_OPERATION)
            return Operation()
        chosen = gdb.selected_thread()
        try:
            for thread in gdb.selected_inferior().threads():
                thread.switch()
                operation = operation_in(_innermost_calls())
                failed = failed_assertion() if operation.asserted else None
                if failed is not None:
                    return replace(operation, assertion=Assertion(message_of(failed[1]), failed[0], None))
                if operation.in_allocator or operation.asserted:
                    return operation
        finally:
            chosen.switch()
        return Operation()


def _innermost_calls() -> Stack:
    """The selected thread's calls, innermost first, as far as they are worth unwinding."""
    calls: List[Frame] = []
    frame: Optional[gdb.Frame] = gdb.newest_frame()
    while frame is not None and len(calls) < _FRAMES_LOOKED_AT:
        table = frame.find_sal().symtab
        calls.append(Frame(frame.pc(), frame.name(), table.filename if table is not None else None))
        try:
            frame = frame.older()
        except gdb.error:
            break
    return tuple(calls)


@contextmanager
def target_over_rsp(address: str, program: GdbProgram, settings: Settings, say: Say) -> Iterator[Target]:
    """A target that this GDB is not connected to: its memory by our own client, GDB for symbols alone."""
    head = _elf_head()
    if head is None:
        raise UserError("--rsp takes pointer size and symbols from the program: load it with `file APP.elf`")
    data = RspBytes(address, say, settings)
    try:
        order: ByteOrder = "big" if head[5] == _ELF_BIG else "little"
        known = _known_of(program_memory(), settings, data.fragile)
        memory = data.in_format(8 if head[4] == _ELF_64 else 4, order, known)
        _allow_chip_memory(memory)
        data.use(memory, program)
        live: Live = (int.from_bytes(head[18:20], order), [])
        yield Target(data, program, Debugger(live, memory), settings)
    finally:
        data.close()


def _allow_chip_memory(memory: Memory) -> None:
    """Makes the chip's memories known where a neighbourhood is not: the program has a table of them."""
    if not memory.fragile:
        return
    table, size = address_of(CHIP_MEMORY), size_of(CHIP_MEMORY)
    data = memory.get(table, size) if table is not None and size is not None else None
    for start, end in chip_memory(data or b"", memory.source.pointer_size, memory.source.byte_order):
        memory.allow_named(start, end)


def _elf_head() -> Optional[bytes]:
    """The first bytes of the loaded program's file; None: there is none, or it is no ELF."""
    program = gdb.current_progspace()
    if program is None or program.filename is None:
        return None
    try:
        with open(program.filename, "rb") as file:
            head = file.read(20)
    except OSError:
        return None
    return head if head[:4] == b"\x7fELF" and len(head) == 20 else None


def _missing_architecture() -> str:
    """Which other GDB the loaded program needs, if this one does not know its machine; what goes without it."""
    head = _elf_head()
    number = 0 if head is None else int.from_bytes(head[18:20], "big" if head[5] == _ELF_BIG else "little")
    machine = machine_of(number)
    if machine is None or not machine.debuggers:
        return ""
    if gdb.execute(f"complete set architecture {machine.gdb_name}", to_string=True):
        return ""
    others = " or ".join(sorted(machine.debuggers[:2], key=lambda name: name != "gdb-multiarch"))  # Debian has that
    return f"; this GDB knows no {machine.gdb_name}: use {others}, or give the command --rsp HOST:PORT"
