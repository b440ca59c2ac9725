# SPDX-License-Identifier: Apache-2.0
"""The table of commands in GDB: registers them, and reports at the stop of a heap assertion.

Approach: one prefix with a subcommand for each row of the table, dashed aliases for daily use, real `set memtrace`
parameters, one internal breakpoint for the assertion. Everything that was read is kept until the target runs or its
memory changes.
Rejected: gdb.post_event for the report (never runs in batch mode, and can crash GDB 13 at exit).
Cost: a stop that is not ours compares breakpoints, and touches neither frames nor memory.
"""

from __future__ import annotations

import locale
import os
import re
import shlex
import sys
from argparse import Namespace
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Dict, Hashable, Iterator, List, Optional, Tuple

import gdb

from gdbext.analyse.check import Operation, operation_in
from gdbext.commands.collect import newest_ring
from gdbext.commands.complete import complete
from gdbext.commands.host import (
    FRAGILE,
    NEVER_RUNS,
    NO_REGISTERS,
    UNKNOWN_OPERATION,
    Live,
    Thread,
    UserError,
    World,
    found_in_file,
    found_saved,
    threads_named,
)
from gdbext.commands.settings import SETTINGS, SettingRow, Settings
from gdbext.commands.table import COMMANDS, Command, help_of, parser_of, render
from gdbext.heap.allocator import Named
from gdbext.heap.names import without_allocator
from gdbext.heap.registry import find_named
from gdbext.heap.tlsf.registered import read_registered
from gdbext.model import Assertion, CheckReport, Frame, Skipped, Stack
from gdbext.report.printable import encodable, one_line, printable, say
from gdbext.report.style import coloured
from gdbext.source.chip import CHIP_MEMORY, chip_memory
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
    writable_sections,
)
from gdbext.source.images import HeldSource
from gdbext.source.known import Known, parse_ranges
from gdbext.source.memory import Memory, NoTarget
from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.gdb_symbols import (
    GdbProgram,
    GdbSymbols,
    address_of,
    failed_assertion,
    lacks_words,
    size_of,
    variable_at,
)
from gdbext.trace.format import FormatError
from gdbext.trace.ring import message_of, read_ring

if TYPE_CHECKING:
    from gdbext.analyse.watch import WatchPlan
    from gdbext.commands.gdb_watch import GdbWatcher
    from gdbext.kernel.freertos import Tasks
    from gdbext.source.saved import Saved
    from gdbext.symbols.shapes import Program

# Where a heap assertion stops, best first: the recorder's hook, the C library's assert, its abort.
STOP_FUNCTIONS = ("memtrace_assert_stop", "__assert_func", "abort")
_FRAMES_LOOKED_AT = 12
_KINDS = {bool: gdb.PARAM_BOOLEAN, int: gdb.PARAM_ZUINTEGER, str: gdb.PARAM_STRING_NOESCAPE}
_MACHINES = {243: "riscv", 94: "xtensa"}  # e_machine of ELF
_ELF_64, _ELF_BIG = 2, 2
_TEXTS = ("memory", "rsp")  # settings that may be empty
_NAME = re.compile(r"&?[A-Za-z_]\w*")
_DEBUGGERS = {"riscv": "gdb-multiarch or riscv32-esp-elf-gdb", "xtensa": "xtensa-esp-elf-gdb"}


class GdbHost:
    """GDB as the world of a command."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.at_assertion = False
        self.aside = False  # whether lines for the user must stay out of GDB's output
        self._memory: Optional[Memory] = None
        self._of: Optional[Tuple[int, int, int]] = None  # which inferior's memory that is
        self._named: Optional[NamedMemory] = None
        self._named_by: Optional[Tuple[int, int, int]] = None
        self._symbols = GdbSymbols()
        self._program = GdbProgram()
        self._at_condition = False
        self._watcher: Optional[GdbWatcher] = None

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

    @property
    def watcher(self) -> GdbWatcher:
        """What watches memory; made, and its module loaded, when it is first wanted."""
        if self._watcher is None:
            from gdbext.commands.gdb_watch import GdbWatcher

            self._watcher = GdbWatcher(self)
        return self._watcher

    def is_watched_for(self, event: gdb.Event) -> bool:
        """Whether a stop is the one that `memtrace watch` was armed for."""
        return self._watcher is not None and self._watcher.is_hit_by(event)

    def keep_plan(self, plan: WatchPlan) -> None:
        """Keeps what `memtrace watch last-damage` needs of a report."""
        self.watcher.last_damage = plan

    def forget(self, *_: Any) -> None:
        """What was read is no longer true: the target runs, or somebody wrote to it."""
        self._memory = None

    def forget_symbols(self, *_: Any) -> None:
        """The program changed."""
        self._symbols = GdbSymbols()
        self._program = GdbProgram()
        self._memory = self._named_by = None

    def memory(self) -> Memory:
        """The selected inferior's memory, kept until it may change."""
        if self._memory is None or self._of != inferior_key():
            try:
                source = selected_source(self._at_condition)
            except NoTarget as problem:
                raise UserError(f"{problem}{_missing_architecture()}") from None
            fragile = is_fragile()
            self._memory = Memory(source, self.say, self._known(fragile), self.settings.plan, fragile)
            core = getattr(source, "core", None)
            self._memory.standing += core.remarks if core is not None else ()
            self._of = inferior_key()
            _allow_chip_memory(self._memory)
        return self._memory

    def _known(self, fragile: bool) -> Optional[Known]:
        """What may be read: asked for once a program and target, not at every stop."""
        if self._named_by != inferior_key():
            self._named, self._named_by = named_memory(), inferior_key()
        return None if self._named is None else self._known_of(self._named, fragile)

    def _known_of(self, named: NamedMemory, fragile: bool) -> Known:
        """A neighbourhood is a guess, which a fragile stub does not survive."""
        return Known([*named.ranges, *parse_ranges(self.settings.memory)], [] if fragile else named.writable)

    def say(self, text: str) -> None:
        """A line for the user, at once: progress and costs. Past GDB where its output is data."""
        if self.aside and sys.__stderr__ is not None:
            say(text, sys.__stderr__)
        else:
            _write(printable(f"memtrace: {text}"), gdb.STDERR)
            gdb.flush(gdb.STDERR)

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

    def live(self) -> Live:
        """The stopped target: registers of its threads, the sections that its program writes to."""
        from gdbext.source.registers import machine_of  # not needed by those who only load us

        self.memory()
        if is_core():
            raise UserError("this is a core already: copy its file")
        number = machine_number()
        machine = machine_of(number, self.memory().source.pointer_size)
        threads = [] if machine is None else thread_registers(filter(None, machine.registers))
        return Live(number, machine, threads, writable_sections(), auxiliary_vector())

    def roots(self) -> World:
        """The program's writable sections; registers and stacks of its threads."""
        threads, sections = self._threads(), writable_sections()
        skipped = [] if threads else [Skipped("scan", NO_REGISTERS)]
        if not sections:
            skipped.append(
                Skipped("scan", "no program, no globals: load it with `file APP.elf`, or name memory: --scan")
            )
        return World([("globals", *span) for span in sections], threads, skipped)

    def _threads(self) -> List[Thread]:
        """The target's threads, if this machine's registers are known."""
        from gdbext.source.registers import machine_of  # not needed by those who only load us

        machine = machine_of(machine_number(), self.memory().source.pointer_size)
        registers = [] if machine is None else thread_registers(filter(None, machine.registers))
        return threads_named(machine, registers)

    def tasks(self) -> Tasks:
        """The tasks of the program's kernel, by its own lists."""
        from gdbext.kernel.freertos import read_tasks  # not needed by those who only load us

        return read_tasks(self.memory(), self._program)

    def name_at(self, address: int) -> Optional[str]:
        """The ELF symbol that holds an address."""
        return variable_at(address)

    def facts(self) -> Tuple[str, ...]:
        """The program, its debug information, and the automatic breakpoint."""
        space = gdb.current_progspace()
        program = space.filename if space is not None else None
        if program is None:
            symbols = "symbols none: load the program with `file APP.elf`"
        else:
            symbols = f"symbols {program}{lacks_words()}"
        link = f"link   {FRAGILE}" if is_fragile() else None
        return tuple(filter(None, (symbols, f"stop   {STOPS.describe()}", link)))

    @property
    def program(self) -> Program:
        """The loaded program, by GDB's tables."""
        return self._program

    def build_id(self) -> Optional[str]:
        """The loaded program's build-id."""
        programs = (objfile for objfile in gdb.objfiles() if objfile.is_valid() and objfile.owner is None)
        return next((objfile.build_id for objfile in programs if objfile.build_id), None)

    def find_heaps(self) -> Named:
        """The heaps that symbols lead to; in a core those that it names, else also those that show themselves."""
        saved = self._saved()
        if saved is not None:
            return found_saved(saved)
        return (found_in_file if is_core() else find_named)(self.memory(), self._program)

    def find_ring(self) -> Optional[int]:
        """What memtrace_ring points to."""
        symbol = address_of("memtrace_ring")
        if symbol is None:
            return newest_ring(self.memory()) if is_core() else None
        self.find_heaps()  # the ring may lie in one: their memory is known from here on
        ring = self.memory().word(symbol)
        if ring is None and is_core():
            ring = newest_ring(self.memory())
        if ring is None:
            raise UserError(f"the pointer memtrace_ring at {symbol:#x} cannot be read")
        return ring

    def _saved(self) -> Optional[Saved]:
        """What `memtrace save` has noted in this core."""
        core = getattr(self.memory().source, "core", None)
        if core is None:
            return None
        from gdbext.source.saved import read_saved  # not needed by those who only load us

        return read_saved(core)

    def known_heaps(self) -> List[str]:
        """The registered heaps as --heap takes them, as far as they have been read."""
        head, held = address_of("registered_heaps"), self._held()
        regions = read_registered(held, head)[0] if head is not None and held is not None else []
        return [f"{region.kind}@{region.address:#x}" for region in regions]

    def known_tasks(self) -> List[str]:
        """The tasks of the ring, as far as it has been read."""
        symbol, held = address_of("memtrace_ring"), self._held()
        ring = held.word(symbol) if symbol is not None and held is not None else None
        try:
            events = read_ring(held, ring).events if held is not None and ring else ()
        except FormatError:
            return []
        return sorted({printable(event.task) for event in events if event.task})

    def _held(self) -> Optional[Memory]:
        """What has been read of the target, as a memory that reads nothing more."""
        if self._memory is None or self._of != inferior_key():
            return None
        return Memory(HeldSource(self._memory.snapshot))

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """A recorded stack by GDB's tables, without the allocator's own frames."""
        return without_allocator(self._symbols.frames(pcs))

    def operation(self) -> Operation:
        """Whether any thread stands in an allocator's function."""
        if self.memory().fragile:
            self.memory().remark(UNKNOWN_OPERATION)
            return Operation()
        chosen = gdb.selected_thread()
        try:
            for thread in gdb.selected_inferior().threads():
                thread.switch()
                operation = operation_in(_innermost_calls())
                if operation.asserted:
                    return replace(operation, assertion=_assertion() or operation.assertion)
                if operation.in_allocator:
                    return operation
        finally:
            chosen.switch()
        return Operation()

    def address(self, text: str) -> int:
        """A GDB expression, with registers and variables."""
        try:
            return int(gdb.parse_and_eval(text).cast(gdb.lookup_type("unsigned long")))
        except gdb.error as problem:
            raise UserError(f"{text}: {one_line(problem)}") from None


class RspHost(GdbHost):
    """A target that this GDB is not connected to: its memory by our own client, GDB for symbols alone."""

    def __init__(self, base: GdbHost, address: str) -> None:
        super().__init__()
        from gdbext.source.rsp import RspConnection, RspSource  # not needed by those who only load us

        self.settings, self.aside = base.settings, base.aside
        head = _elf_head()
        if head is None:
            raise UserError("--rsp takes pointer size and symbols from the program: load it with `file APP.elf`")
        self._connection = RspConnection(address)
        order: ByteOrder = "big" if head[5] == _ELF_BIG else "little"
        self._source = RspSource(self._connection, 8 if head[4] == _ELF_64 else 4, order)
        fragile = self._connection.stub.kind == "chip"
        known = self._known_of(program_memory(), fragile)
        self._over_rsp = Memory(self._source, self.say, known, self.settings.plan, fragile)
        _allow_chip_memory(self._over_rsp)

    def close(self) -> None:
        """Lets the target go."""
        self._connection.close()
        if self._connection.parting is not None:
            self.say(self._connection.parting)

    def memory(self) -> Memory:
        """The memory behind the connection, kept for this command."""
        return self._over_rsp

    def write(self, address: int, data: bytes) -> None:
        """Writes to the live target."""
        if self._over_rsp.fragile:
            raise UserError(NEVER_RUNS)
        if not self._source.write(address, data):
            raise UserError(f"{address:#x} cannot be written")

    def facts(self) -> Tuple[str, ...]:
        """The program, and who is on the other side."""
        fragile = (f"link   {FRAGILE}",) if self._over_rsp.fragile else ()
        return (super().facts()[0], f"link   {self._connection.describe()}", *fragile)

    def live(self) -> Live:
        """Memory alone: this GDB is not connected, and our client does not ask for registers."""
        number = int.from_bytes((_elf_head() or bytes(20))[18:20], self._source.byte_order)
        return Live(number, None, [], writable_sections(), [])

    def _threads(self) -> List[Thread]:
        """This GDB has none of them, and our client does not ask for registers."""
        return []

    def operation(self) -> Operation:
        """There are no frames."""
        self._over_rsp.remark(UNKNOWN_OPERATION)
        return Operation()

    def address(self, text: str) -> int:
        """A number, &NAME, or what the pointer NAME holds. An expression would be answered from the program's file."""
        try:
            return int(text, 0)
        except ValueError:
            pass
        place = address_of(text.lstrip("&")) if _NAME.fullmatch(text) else None
        if place is None:
            raise UserError(f"{text}: with --rsp give a number, &NAME, or the NAME of a global pointer")
        value = place if text.startswith("&") else self._over_rsp.word(place)
        if value is None:
            raise UserError(f"{text}: its {self._source.pointer_size} bytes at {place:#x} cannot be read")
        return value


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
    name = (
        None if head is None else _MACHINES.get(int.from_bytes(head[18:20], "big" if head[5] == _ELF_BIG else "little"))
    )
    if name is None or gdb.execute(f"complete set architecture {name}", to_string=True):
        return ""
    return f"; this GDB knows no {name}: use {_DEBUGGERS[name]}, or give the command --rsp HOST:PORT"


def _assertion() -> Optional[Assertion]:
    """The assertion that the selected thread stands in, if its debug information tells."""
    failed = failed_assertion()
    return None if failed is None else Assertion(message_of(failed[1]), failed[0], None)


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


HOST = GdbHost()


class TableCommand(gdb.Command):
    """A row of the table as a GDB command."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._prog = command.alias or f"memtrace {command.name}"
        self.__doc__ = help_of(command, self._prog)
        super().__init__(f"memtrace {command.name}", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Runs the command; whatever goes wrong comes as one line."""
        with _errors_as_lines():
            options = parser_of(self._command, self._prog).parse_args(_split(argument))
            with _host_of(options) as host:
                report = self._command.run(host, options)
            _show(self._command, report, options)

    def complete(self, text: str, word: str) -> Any:
        """Options, heaps, tasks; GDB's own expressions where an address may stand. Nothing is read for it."""
        found = complete(self._command, text, HOST.known_heaps(), HOST.known_tasks())
        return found if found is not None else gdb.COMPLETE_EXPRESSION


def _split(argument: str) -> List[str]:
    try:
        return shlex.split(argument)
    except ValueError as problem:
        raise UserError(str(problem)) from None


@contextmanager
def _host_of(options: Namespace) -> Iterator[GdbHost]:
    """The world that a command asks for: GDB's target, or one that GDB is not connected to."""
    HOST.aside = options.json
    address = getattr(options, "rsp", None) or (HOST.settings.rsp if hasattr(options, "rsp") else "")
    if not address:
        yield HOST
        return
    host = RspHost(HOST, address)
    try:
        yield host
    finally:
        host.close()


def _show(command: Command, report: Any, options: Namespace) -> None:
    text = render(command, report, options)
    _write(coloured(text) if _wants_colour() and not options.json else text)


def _write(text: str, stream: int = gdb.STDOUT) -> None:
    """Puts filtered text out on GDB's console."""
    gdb.write(encodable(text, _encoding()) + "\n", stream)


def _encoding() -> str:
    """What a terminal takes from GDB, which writes UTF-8 whatever the locale is."""
    told = locale.nl_langinfo(locale.CODESET) if hasattr(locale, "nl_langinfo") else locale.getpreferredencoding(False)
    return "utf-8" if told.upper() == "UTF-8" else "ascii"


def _error(text: str) -> gdb.GdbError:
    """A line that ends a command."""
    return gdb.GdbError(encodable(printable(f"memtrace: {text}"), _encoding()))


@contextmanager
def _errors_as_lines() -> Iterator[None]:
    """Whatever goes wrong inside is one line to its user; GDB's own switch shows where a bug of ours lies."""
    try:
        yield
    except gdb.GdbError:
        raise
    except (UserError, NoTarget) as problem:
        raise _error(str(problem)) from None
    except KeyboardInterrupt:
        raise _error("interrupted; nothing is lost: the same command again reads on") from None
    except gdb.error as problem:
        raise _error(f"GDB says: {one_line(problem)}") from None
    except Exception as problem:
        if gdb.parameter("python print-stack") == "full":
            raise
        raise _error(
            f"a bug of memtrace: {type(problem).__name__}: {one_line(problem)}; "
            "`set python print-stack full`, then the same command again, shows where"
        ) from None


def _wants_colour() -> bool:
    if HOST.settings.color != "auto":
        return HOST.settings.color == "on"
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM", "dumb") == "dumb"
    return bool(gdb.parameter("style enabled")) and not plain


class Prefix(gdb.Command):
    """memtrace: who broke the heap, who leaks it. Every command of memtrace begins with this word.

    After a heap assertion: heap-check shows the damage and who did it, last-malloc ADDRESS the owners of an address;
    memtrace watch last-damage stops the next run at the line that does it.
    heap-blocks, heap-free and malloc-log list blocks, totals and events; memtrace status says what was found.
    """

    def __init__(self) -> None:
        super().__init__("memtrace", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class SetPrefix(gdb.Command):
    """Settings of memtrace."""

    def __init__(self, name: str) -> None:
        super().__init__(name, gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class Setting(gdb.Parameter):
    """A field of Settings as a GDB parameter."""

    def __init__(self, row: SettingRow) -> None:
        self.set_doc = f"Set {row.what}."
        self.show_doc = f"Show {row.what}."
        self._what = row.what
        self._field = row.name.replace("-", "_")
        value = getattr(HOST.settings, self._field)
        if row.choices and not isinstance(value, bool):
            super().__init__(f"memtrace {row.name}", gdb.COMMAND_DATA, gdb.PARAM_ENUM, row.choices)
        else:
            super().__init__(f"memtrace {row.name}", gdb.COMMAND_DATA, _KINDS[type(value)])
        self.value = value

    def get_set_string(self) -> str:
        """Takes the new value over, or puts the old one back."""
        if self._field == "memory":
            try:
                parse_ranges(str(self.value or ""))
            except ValueError as problem:
                self.value = HOST.settings.memory
                raise _error(str(problem)) from None
        setattr(HOST.settings, self._field, self.value or "" if self._field in _TEXTS else self.value)
        if self._field == "auto_stop":
            STOPS.arm()
        HOST.forget()
        return ""

    def get_show_string(self, value: str) -> str:
        """One line for `show memtrace`."""
        return encodable(printable(f"{self._what[0].upper()}{self._what[1:]}: {value}."), _encoding())


class AssertionStop(gdb.Breakpoint):
    """The one automatic breakpoint: where a heap assertion stops."""

    def __init__(self, function: str) -> None:
        super().__init__(function, gdb.BP_BREAKPOINT, internal=True)
        self.silent = True
        self.function = function


class Stops:
    """Arms the automatic breakpoint and reports when it is hit, once for each assertion."""

    def __init__(self) -> None:
        self.registered = False
        self._breakpoint: Optional[AssertionStop] = None
        self._reported: Optional[Hashable] = None

    def arm(self, *_: Any) -> None:
        """Sets the breakpoint on the best function that the program has; removes it where it must not be."""
        wanted = next((name for name in STOP_FUNCTIONS if address_of(name) is not None), None)
        if is_fragile():
            wanted = None  # inserting it would write to the chip
        if self._breakpoint is not None and self._breakpoint.is_valid():
            if HOST.settings.auto_stop and self._breakpoint.function == wanted:
                return
            self._breakpoint.delete()
        self._breakpoint = AssertionStop(wanted) if HOST.settings.auto_stop and wanted is not None else None

    def connected(self, *_: Any) -> None:
        """Takes the breakpoint away from a stub that would not survive it, before anything can be resumed."""
        if is_fragile():
            self.arm()

    def describe(self) -> str:
        """Where the automatic breakpoint is, for `memtrace status`."""
        if self._breakpoint is not None and self._breakpoint.is_valid():
            return f"automatic breakpoint at {self._breakpoint.function}"
        if is_fragile():
            return "no automatic breakpoint: the stub on the chip takes none, and nothing would run to it"
        if not HOST.settings.auto_stop:
            return "no automatic breakpoint: `set memtrace auto-stop on` sets it"
        return f"no automatic breakpoint: the program has none of {', '.join(STOP_FUNCTIONS)}"

    def stopped(self, event: gdb.Event) -> None:
        """Reports at our own breakpoint; any other stop costs nothing."""
        HOST.at_assertion = isinstance(event, gdb.BreakpointEvent) and self._breakpoint in event.breakpoints
        if HOST.is_watched_for(event):
            _aloud(lambda: _show(*_report_of("watch")))
            return
        if not HOST.at_assertion:
            if self._breakpoint is None:
                self.arm()  # it had been taken away from another target
            self._reported = None  # somebody looks around, or has reset the target: the next assertion is news
            return
        if not HOST.settings.auto_report:
            _write("memtrace: a heap assertion has stopped the target; heap-check shows the report")
            return
        _aloud(self._report)

    def _report(self) -> None:
        command, report, options = _report_of("check")
        what = _failure_of(report)
        if what == self._reported:
            _write("memtrace: the same assertion as before; heap-check shows its report again")
            return
        self._reported = what
        _show(command, report, options)


def _report_of(name: str) -> Tuple[Command, Any, Namespace]:
    """A command's report without arguments, as a stop shows it."""
    command = next(command for command in COMMANDS if command.name == name)
    options = parser_of(command, name).parse_args([])
    HOST.aside = False
    return command, command.run(HOST, options), options


def _aloud(report: Callable[[], None]) -> None:
    """Reports in a stop handler, from where GDB would drop errors."""
    try:
        with _errors_as_lines():
            report()
    except gdb.GdbError as problem:
        _write(str(problem), gdb.STDERR)


def _failure_of(report: CheckReport) -> Hashable:
    """What makes two stops one failure: the assertion that froze the ring, else the damage that is seen."""
    if report.assertion is not None and report.assertion.seq is not None:
        return report.assertion
    return tuple((finding.rule, finding.address) for heap in report.heaps for finding in heap.findings)


STOPS = Stops()


def _add_aliases() -> None:
    for command in COMMANDS:
        if command.alias is None:
            continue
        try:
            gdb.execute(f"alias {command.alias} = memtrace {command.name}")
        except gdb.error:
            _write(f"memtrace: {command.alias} is taken; use `memtrace {command.name}`", gdb.STDERR)


def _add_settings() -> None:
    SetPrefix("set memtrace")
    SetPrefix("show memtrace")
    for row in SETTINGS:
        Setting(row)


def register() -> None:
    """Adds commands, aliases, settings and event handlers; a second call changes nothing."""
    if STOPS.registered:
        return
    STOPS.registered = True
    Prefix()
    for command in COMMANDS:
        TableCommand(command)
    _add_aliases()
    _add_settings()
    events: Dict[Any, Any] = {
        gdb.events.cont: HOST.forget,
        gdb.events.memory_changed: HOST.forget,
        gdb.events.exited: HOST.forget,
        gdb.events.stop: STOPS.stopped,
        gdb.events.clear_objfiles: HOST.forget_symbols,
    }
    for registry, handler in events.items():
        registry.connect(handler)
    gdb.events.new_objfile.connect(HOST.forget_symbols)
    gdb.events.new_objfile.connect(STOPS.arm)
    gdb.events.new_thread.connect(STOPS.connected)  # the first that is heard of a connection
    STOPS.arm()
