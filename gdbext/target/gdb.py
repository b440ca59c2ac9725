# SPDX-License-Identifier: Apache-2.0
"""Makes a target of GDB's selected inferior: a live process, a target behind a stub, or a core.

Approach: the bytes that were read are kept until the target runs or its memory changes.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import gdb

from gdbext.heap.names import operation_in, sees_no_user, without_allocator
from gdbext.heap.registry import find_named
from gdbext.model.diagnosis import Operation
from gdbext.model.errors import UserError, one_line
from gdbext.model.events import Assertion, Stack
from gdbext.model.machine import Machine, machine_of
from gdbext.model.record import replace
from gdbext.model.said import Said, Text, said
from gdbext.source.chip import CHIP_MEMORY, chip_memory, heap_memory
from gdbext.source.core import Core
from gdbext.source.gdb_inferior import (
    NamedMemory,
    auxiliary_vector,
    connections,
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
from gdbext.source.registers import ended_by_fault
from gdbext.source.rsp import is_same_server
from gdbext.source.saved import Saved, read_saved
from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.gdb_symbols import GdbProgram, address_of, call_of, failed_assertion, size_of
from gdbext.symbols.names import (
    FAILURE_FUNCTIONS,
    HOOK,
    HOOK_CALLER,
    STOP_FUNCTIONS,
    is_assertion,
    is_fault,
    stop_functions,
)
from gdbext.target.gdb_given import given_in
from gdbext.target.rsp import RspBytes
from gdbext.target.settings import Settings
from gdbext.target.target import NEVER_RUNS, UNKNOWN_OPERATION, Debugger, Live, Registers, Target, Watcher, fitting
from gdbext.trace.ring import message_of

_LITERAL = re.compile(r"\b(?:0[xX][0-9a-fA-F]+|[1-9]\d*)")
_MOST_FRAMES = 32
_ELF_64, _ELF_BIG = 2, 2
_FAULT_SIGNALS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")


class GdbBytes:
    """The memory of the selected inferior."""

    why_no_heaps: Optional[Said] = None

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._memory: Optional[Memory] = None
        self._inferior: Optional[Tuple[int, int, int]] = None  # the inferior that `_memory` was read from
        self._named: Optional[NamedMemory] = None
        self._named_inferior: Optional[Tuple[int, int, int]] = None  # the inferior that `_named` belongs to
        self._at_condition = False

    @property
    def is_file(self) -> bool:
        """True if GDB has opened a core."""
        return is_core()

    @property
    def saved(self) -> Optional[Saved]:
        """The note of `memtrace save` in this core, or None."""
        core: Optional[Core] = getattr(self.memory().source, "core", None)
        return None if core is None else read_saved(core)

    @contextmanager
    def at_condition(self) -> Iterator[None]:
        """Use it while GDB evaluates a breakpoint's condition. Memory is read anew inside, and not kept."""
        self.forget()
        self._at_condition = True
        try:
            yield
        finally:
            self._at_condition = False
            self.forget()

    def forget(self, *_: Any) -> None:
        """Drops the bytes that were read, because the target runs or its memory was written to."""
        self._memory = None

    def forget_program(self) -> None:
        """Drops the memory that the program names, too, because the program has changed."""
        self._memory = self._named_inferior = None

    def memory(self) -> Memory:
        """Returns the memory of the selected inferior. It is kept until it may have changed."""
        if self._memory is None or self._inferior != inferior_key():
            try:
                source = selected_source(self._at_condition)
            except NoTarget as problem:
                raise UserError(f"{problem}{_missing_architecture()}") from None
            fragile = is_fragile()
            if self._named_inferior != inferior_key():  # once for each program and target, not at every stop
                self._named, self._named_inferior = named_memory(), inferior_key()
            known = None if self._named is None else _known_of(self._named, self._settings, fragile)
            self._memory = Memory(source, self._say, known, self._settings.plan, fragile)
            core = getattr(source, "core", None)
            self._memory.standing += core.remarks if core is not None else ()
            self._inferior = inferior_key()
            _allow_chip_memory(self._memory)
        return self._memory

    def write(self, address: int, data: bytes) -> None:
        """Writes to the live target. Raises UserError on a core or a fragile stub."""
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
        """Evaluates a GDB expression, with registers and variables."""
        width = self.memory().source.pointer_size
        largest = max((int(literal, 0) for literal in _LITERAL.findall(text)), default=0)
        if largest >= 1 << 64:
            fitting(text, largest, width)  # GDB 13 would cut it
        try:
            value = gdb.parse_and_eval(text)
            kind = value.type.strip_typedefs().code
            if kind == gdb.TYPE_CODE_VOID:
                raise UserError(f"{text} has no value: GDB knows no such variable or register here")
            number = int(value if kind == gdb.TYPE_CODE_INT else value.cast(gdb.lookup_type("unsigned long")))
        except gdb.error as problem:
            raise UserError(f"{text}: {one_line(problem)}") from None
        return fitting(text, number, width)

    def facts(self) -> Sequence[Text]:
        """Returns a sentence about the stub if it is fragile."""
        return [said("link-fragile")] if is_fragile() else []

    def held(self) -> Optional[Memory]:
        """Returns the bytes read so far, as a memory that reads no more; None if there are none."""
        if self._memory is None or self._inferior != inferior_key():
            return None
        return Memory(self._memory.snapshot)


def _known_of(named: NamedMemory, settings: Settings, fragile: bool) -> Known:
    """Returns the memory that may be read. A fragile stub gets no neighbourhoods: a wrong guess would kill it."""
    ranges, writable = named
    return Known([*ranges, *parse_ranges(settings.memory)], [] if fragile else writable)


class DeathStop(gdb.Breakpoint):
    """The automatic breakpoint at a function through which a program dies."""

    def __init__(self, function: str, debugger: GdbDebugger) -> None:
        super().__init__(function, gdb.BP_BREAKPOINT, internal=True, qualified=True)
        self.silent = True
        self.function = function
        self._debugger = debugger

    def stop(self) -> bool:
        """Tells GDB whether to stop here."""
        return self._debugger.stops_at(self.function)


class FailureStop(gdb.Breakpoint):
    """The breakpoint of `set memtrace stop-on-failure`, at a function that a failed allocation calls."""

    def __init__(self, function: str) -> None:
        super().__init__(function, gdb.BP_BREAKPOINT, internal=True, qualified=True)
        self.silent = True
        self.function = function

    def request(self) -> List[str]:
        """Returns the request as options of heap-free, as far as the arguments of ESP-IDF's function tell."""
        names = (("--for", "requested_size"), ("--caps", "caps"))
        values = [(option, _argument(name)) for option, name in names]
        return [word for option, value in values if value is not None for word in (option, str(value))]


def _argument(name: str) -> Optional[int]:
    try:
        return int(gdb.newest_frame().read_var(name))
    except (ValueError, gdb.error):
        return None


class GdbDebugger(Debugger):
    """GDB's threads and frames, and the automatic breakpoint where the program dies in its heap."""

    def __init__(self, data: GdbBytes, watcher: Watcher, settings: Settings) -> None:
        super().__init__()
        self._bytes = data
        self._watcher = watcher
        self._settings = settings
        self._stops: Dict[str, DeathStop] = {}  # by function
        self._failure: Optional[FailureStop] = None
        self.failed: Optional[List[str]] = None  # the allocation that has just failed, as options of heap-free
        self.failed_by: Stack = ()  # who asked for it
        self._faulted: Optional[int] = None  # the thread that a fault has just stopped
        self._asked: Optional[Tuple[Memory, int, Operation]] = None  # the last operation, of which bytes and thread
        self._aborted = False  # the signal of abort has just stopped the target
        self.at_other_death = False  # the automatic breakpoint has stopped the target, but not in an allocator

    @property
    def watcher(self) -> Watcher:
        """GDB's watchpoints."""
        return self._watcher

    def arm(self, *_: Any) -> None:
        """Sets the breakpoint on the functions that see all deaths of the program. Removes it if it may not be set."""
        wanted: Sequence[str] = ()
        if not is_fragile() and self._settings.auto_stop:  # inserting it would write to the chip
            wanted = stop_functions(lambda name: address_of(name) is not None)
        held = {name: stop for name, stop in self._stops.items() if stop.is_valid()}
        for name in held.keys() - set(wanted):
            held.pop(name).delete()
        self._stops = {name: held.get(name) or DeathStop(name, self) for name in wanted}
        self._arm_failure()

    def _arm_failure(self) -> None:
        """Sets the breakpoint of stop-on-failure, or removes it. One that is there already stays."""
        asked = self._settings.stop_on_failure and not is_fragile()
        function = next((name for name in FAILURE_FUNCTIONS if asked and address_of(name) is not None), None)
        held = self._failure if self._failure is not None and self._failure.is_valid() else None
        if held is not None and held.function != function:
            held.delete()
            held = None
        self._failure = held if held is not None or function is None else FailureStop(function)

    def require_failure_stop(self) -> None:
        """Raises UserError if stop-on-failure is wanted and there is no function to stop at."""
        if self._settings.stop_on_failure and self._failure is None:
            raise UserError(
                f"this program has none of {', '.join(FAILURE_FUNCTIONS)}, or is a stub: nothing to stop at"
            )

    def stops_at(self, function: str) -> bool:
        """Tells whether to stop at a function of the automatic breakpoint.

        One death is one stop: of its functions, the first that is reached. A process is let go on if no heap of it is
        known or its allocator has no part in this: the signal that follows stops it, as without memtrace.
        """
        calls = _calls(_innermost_frames())
        seen = {*self._stops, HOOK_CALLER} if HOOK in self._stops else {*self._stops}
        if any(call.function in seen for call in calls[1:]) and function != HOOK:
            return False
        if function == HOOK or not auxiliary_vector():
            return True
        with self._bytes.at_condition():
            return self._dies_in_heap()

    def connected(self, *_: Any) -> None:
        """Removes the breakpoint before anything can resume, if a fragile stub would not survive it."""
        if is_fragile():
            self.arm()

    def _dies_in_heap(self, fault: bool = False) -> bool:
        """Tells whether the selected thread is in an allocator whose heaps the program's symbols lead to. If GDB sees
        none of the program's own calls, it may be.
        """
        calls = _calls(_innermost_frames())
        in_allocator = sees_no_user(calls) or operation_in(calls, fault).in_allocator
        return in_allocator and bool(find_named(self._bytes.memory(), GdbProgram()).regions)

    def stopped(self, event: gdb.Event) -> None:
        """Notes if the program dies here. Sets the breakpoint again if it was removed for another target."""
        hit = event.breakpoints if isinstance(event, gdb.BreakpointEvent) else ()
        self.failed = self._failure.request() if self._failure is not None and self._failure in hit else None
        self.failed_by = () if self.failed is None else without_allocator(_calls(_innermost_frames())[1:])
        reached = [function for function, stop in self._stops.items() if stop in hit]
        fault = isinstance(event, gdb.SignalEvent) and event.stop_signal in _FAULT_SIGNALS and not is_fragile()
        self._faulted = gdb.selected_thread().num if fault else None
        self._aborted = isinstance(event, gdb.SignalEvent) and event.stop_signal == "SIGABRT"
        self.at_death = HOOK in reached or (bool(reached or fault) and self._dies_in_heap(fault))
        self.at_other_death = bool(reached) and not self.at_death
        if not self._stops:
            self.arm()

    def facts(self) -> Sequence[Text]:
        """Returns a sentence: where the automatic breakpoint is, or why there is none."""
        places = tuple(function for function, stop in self._stops.items() if stop.is_valid())
        if places:
            return [said("stop-at", functions=places)]
        if is_fragile():
            return [said("no-stop-fragile")]
        if not self._settings.auto_stop:
            return [said("no-stop-off")]
        return [said("no-stop-function", functions=STOP_FUNCTIONS)]

    @property
    def looks_dead(self) -> bool:
        """True at a death, in a core, and if the selected thread is in a function that a death leads to."""
        if self.at_death or self._aborted or is_core():
            return True
        function = "" if is_fragile() else call_of(gdb.newest_frame()).function or ""
        return is_assertion(function) or is_fault(function)

    def machine(self) -> Optional[Machine]:
        """Returns the machine of the selected thread, or None if it is unknown."""
        return machine_of(machine_number(), self._bytes.memory().source.pointer_size)

    def registers(self) -> Sequence[Registers]:
        """Returns the registers of each thread; [] if the machine is unknown."""
        machine = self.machine()
        return [] if machine is None else thread_registers(filter(None, machine.registers))

    def live(self) -> Live:
        """Returns the machine and the auxiliary vector of the stopped target. Raises UserError on a core."""
        if is_core():
            raise UserError("this is a core already: copy its file")
        return machine_number(), auxiliary_vector()

    def operation(self) -> Operation:
        """Returns the operation of the first thread in an allocator. The selected thread is asked first."""
        memory = self._bytes.memory()
        if memory.fragile:
            memory.remark(UNKNOWN_OPERATION)
            return Operation()
        core = getattr(memory.source, "core", None)
        faulted = 1 if core is not None and ended_by_fault(core) else self._faulted
        chosen = gdb.selected_thread()
        if self._asked is None or self._asked[:2] != (memory, chosen.num):
            self._asked = memory, chosen.num, self._ask(chosen, faulted)
        return self._asked[2]

    def _ask(self, chosen: gdb.InferiorThread, faulted: Optional[int]) -> Operation:
        try:
            for thread in sorted(gdb.selected_inferior().threads(), key=lambda one: (one.num != chosen.num, one.num)):
                thread.switch()
                frames = _innermost_frames()
                operation = operation_in(_calls(frames), thread.num == faulted)
                if operation.in_allocator:
                    return _with_arguments(operation, frames)
        finally:
            chosen.switch()
        return Operation()


def _with_arguments(operation: Operation, frames: Sequence[gdb.Frame]) -> Operation:
    """Returns an operation that died with what the arguments in its frames tell: the condition and the pointer."""
    died = operation.assertion
    if died is None:
        return operation
    given = given_in(frames, _calls(frames), died.fault)
    if not died.fault:
        function, text = failed_assertion(frames)
        died = Assertion(message_of(text), function or died.function, None)
    return replace(operation, assertion=died, given=given)


def _innermost_frames() -> List[gdb.Frame]:
    """Returns the innermost 32 frames of the selected thread."""
    frames: List[gdb.Frame] = []
    frame: Optional[gdb.Frame] = gdb.newest_frame()
    while frame is not None and len(frames) < _MOST_FRAMES:
        frames.append(frame)
        try:
            frame = frame.older()
        except gdb.error:
            break
    return frames


def _calls(frames: Sequence[gdb.Frame]) -> Stack:
    return tuple(map(call_of, frames))


@contextmanager
def target_over_rsp(address: str, program: GdbProgram, settings: Settings, say: Say) -> Iterator[Target]:
    """Connects to a target with memtrace's own client of the remote protocol. GDB gives only the symbols."""
    head = _elf_head()
    if head is None:
        raise UserError("--rsp takes pointer size and symbols from the program: load it with `file APP.elf`")
    if any(is_same_server(address, own) for own in connections()):
        raise UserError(
            f"this GDB itself is connected to {address}, and a server serves one debugger at a time: without --rsp "
            "(and `set memtrace rsp`) the command reads over GDB's own connection"
        )
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
    """Makes the memory for heaps known; on a fragile stub, which has no neighbourhoods, those in a table as well."""
    for start, end in heap_memory(address_of):
        memory.allow_named(start, end)
    if not memory.fragile:
        return
    table, size = address_of(CHIP_MEMORY), size_of(CHIP_MEMORY)
    data = memory.get(table, size) if table is not None and size is not None else None
    for start, end in chip_memory(data or b"", memory.source.pointer_size, memory.source.byte_order):
        memory.allow_named(start, end)


def _elf_head() -> Optional[bytes]:
    """Returns the first 20 bytes of the loaded program's file; None if there is no file or it is no ELF."""
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
    """Returns the end of an error message if this GDB does not know the program's machine, else an empty text."""
    head = _elf_head()
    number = 0 if head is None else int.from_bytes(head[18:20], "big" if head[5] == _ELF_BIG else "little")
    machine = machine_of(number)
    if machine is None or not machine.debuggers:
        return ""
    if gdb.execute(f"complete set architecture {machine.gdb_name}", to_string=True):
        return ""
    others = " or ".join(sorted(machine.debuggers[:2], key=lambda name: name != "gdb-multiarch"))  # Debian has it
    return f"; this GDB knows no {machine.gdb_name}: use {others}, or give the command --rsp HOST:PORT"
