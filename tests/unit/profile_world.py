# SPDX-License-Identifier: Apache-2.0
"""A program that allocates as it is told, and the reports over what was recorded of it."""

from __future__ import annotations

from typing import Any, cast

from gdbext.commands import command_named
from gdbext.commands.parsing import parsed_in_shell
from gdbext.model.events import Event, Frame, HeapName, Stack, TraceInfo
from gdbext.model.said import Said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.target.files import FileBytes
from gdbext.target.target import NoProgram, Target
from gdbext.trace.trace import Trace
from tests.support.log import Log

FIRST_BLOCK, FIRST_PC = 0x2000_0000, 0x4000_0000


class Names(NoProgram):
    """Names what the program's stacks are made of: calls as `function file:line`, which have an address each."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    def pcs(self, calls: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(self.calls.setdefault(call, FIRST_PC + 16 * len(self.calls)) for call in calls)

    def frames(self, pcs: tuple[int, ...]) -> Stack:
        known = {pc: call for call, pc in self.calls.items()}
        return tuple(_frame(pc, known.get(pc, "")) for pc in pcs)


def _frame(pc: int, call: str) -> Frame:
    function, _, place = call.rpartition(" ") if ":" in call.rpartition(" ")[2] else (call, "", "")
    file, _, line = place.rpartition(":")
    return Frame(pc, function or None, file or None, int(line) if line else None)


class _Held:
    """What was recorded, as a log gives it."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def trace(self, wish: object) -> Trace:
        return self._trace

    def unnamed(self) -> tuple[Said, ...]:
        return ()


class Running:
    """`program.alloc(64, "make a.c:3", "main a.c:9")`, innermost call first; `program.report()` is its report."""

    def __init__(self) -> None:
        self.names = Names()
        self.events: list[Event] = []
        self.marks: list[tuple[int, str]] = []
        self.lost = 0
        self.next = FIRST_BLOCK

    def event(self, kind: str, address: int, size: int, calls: tuple[str, ...], **more: Any) -> None:
        told = {"heap": 0, "task": None, "module": None, **more}
        stack, seq = self.names.pcs(calls), self.lost + len(self.events)
        self.events.append(
            Event(seq, kind, address, size, told["heap"], 0, told["task"], 0, 0, None, stack, module=told["module"])
        )

    def alloc(self, size: int, *calls: str, **more: Any) -> int:
        address, self.next = self.next, self.next + (size + 15 & ~7)
        self.event("alloc", address, size, calls, **more)
        return address

    def free(self, address: int, *calls: str, **more: Any) -> None:
        self.event("free", address, 0, calls, **more)

    def mark(self, name: str) -> None:
        self.marks.append((self.lost + len(self.events), name))
        self.event("mark", 0, 0, ())

    def log(self) -> bytes:
        """The same events, as a log."""
        log, numbers = (
            Log(tick_hz=0),
            {stack: number for number, stack in enumerate({one.stack for one in self.events}, 1)},
        )
        for stack, number in numbers.items():
            if stack:
                log.stack(number, *stack)
        for number, (_, name) in enumerate(self.marks, 3):
            log.name(number, name, kind=2)
        marks = {seq: number for number, (seq, _) in enumerate(self.marks, 3)}
        for one in self.events:
            log.event(one.kind, marks.get(one.seq, one.address), one.size, stack=numbers[one.stack] if one.stack else 0)
        return bytes(log.data)

    def target(self) -> Target:
        first, last = (self.events[0].seq, self.events[-1].seq) if self.events else (None, None)
        info = TraceInfo(len(self.events), self.lost, first, last, True)
        heaps = {1: HeapName("internal", "internal", 0)}
        trace = Trace(info, tuple(self.events), marks=tuple(self.marks), heap_names=heaps)
        target: Any = Target(FileBytes(Memory(snapshot_of(())), what="a trace"), self.names)
        target.trace, target.log = trace, _Held(trace)
        return cast(Target, target)

    def ask(self, name: str, *words: str) -> Any:
        command = command_named(name)
        return command.run(self.target(), parsed_in_shell(command, words))

    def report(self, *words: str) -> Any:
        return self.ask("report", *words)

    def text(self, name: str, *words: str) -> list[str]:
        return [*command_named(name).text(self.ask(name, *words))]


def site(report: Any, function: str) -> Any:
    (found,) = [one for one in report.sites if one.function == function]
    return found
