# SPDX-License-Identifier: Apache-2.0
"""The state of memtrace in one GDB: settings, target and watcher. It also shows the reports when the target stops.

Rejected: gdb.post_event for the report (never runs in batch mode, and can crash GDB 13 at exit).
Cost: a stop that has nothing to do with memtrace compares breakpoints, and reads neither frames nor memory but for the
word that is watched, if one is.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from contextlib import contextmanager
from typing import Any, Hashable, Iterator, List, Optional, Sequence

import gdb

from gdbext.collect.collected import Collected
from gdbext.commands import command_named
from gdbext.commands.command import Command
from gdbext.commands.parsing import parsed_in_gdb
from gdbext.faces.gdb_terminal import columns, errors_as_lines, put
from gdbext.faces.gdb_watch import GdbWatcher
from gdbext.heap.registry import find_named
from gdbext.model.reports.check import CheckReport
from gdbext.model.said import Trouble
from gdbext.report.destination import told, writes_text
from gdbext.report.printable import printable, say
from gdbext.report.style import for_terminal
from gdbext.report.text.words import stack_words
from gdbext.symbols.gdb_symbols import GdbProgram, address_of
from gdbext.target.gdb import GdbBytes, GdbDebugger, target_over_rsp
from gdbext.target.settings import Settings
from gdbext.target.target import Target
from gdbext.trace.ring import read_ring


class Session:
    """The settings, the target and the watcher of this GDB."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.bytes = GdbBytes(self.settings, self.say)
        self.watcher = GdbWatcher(self.bytes)
        self.debugger = GdbDebugger(self.bytes, self.watcher, self.settings)
        self.program = GdbProgram()
        self._keeps_stdout_clean = False  # True while GDB's output is data: lines for the user go to stderr
        self._reported: Optional[Hashable] = None  # the failure that was last reported at a stop

    def forget_program(self, *_: Any) -> None:
        """Drops what depends on the program: GDB has loaded another one."""
        self.program = GdbProgram()
        self.bytes.forget_program()

    def say(self, text: str) -> None:
        """Prints a line for the user at once: progress or costs. Goes past GDB if GDB's output is data."""
        if self._keeps_stdout_clean and sys.__stderr__ is not None:
            say(text, sys.__stderr__)
        else:
            put(printable(f"memtrace: {text}"), gdb.STDERR)
            gdb.flush(gdb.STDERR)

    def obey(self, command: Command, words: List[str]) -> None:
        """Runs a command and shows its report."""
        options = parsed_in_gdb(command, words)
        self._keeps_stdout_clean = not writes_text(options)
        with self._target(options) as target:
            report = command.run(target, options)
        self.show(command, report, options)

    @contextmanager
    def _target(self, options: Namespace) -> Iterator[Target]:
        """Yields the target of a command: GDB's own, or the server of --rsp, to which GDB is not connected."""
        address = getattr(options, "rsp", None) or (self.settings.rsp if hasattr(options, "rsp") else "")
        if not address:
            yield self.target()
            return
        with target_over_rsp(address, self.program, self.settings, self.say) as target:
            yield target

    def target(self) -> Target:
        """Returns GDB's own target."""
        return Target(self.bytes, self.program, self.debugger, self.settings)

    def show(self, command: Command, report: Any, options: Namespace) -> None:
        """Prints a report, or writes it to the file that the options name."""
        text = told(report, command.text, options)
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb"
        wanted = self.settings.color == "on"
        if self.settings.color == "auto":
            wanted = bool(gdb.parameter("style enabled")) and not plain
        try:
            if text is not None:
                put(for_terminal(text, columns(), wanted) if writes_text(options) else text)
        except KeyboardInterrupt:
            pass  # `q` at GDB's pager: the user has seen enough, and nothing went wrong

    def stopped(self, event: gdb.Event) -> None:
        """Reports where the program dies in its heap, and at the write that a watch waited for.

        Where it dies elsewhere, GDB's own line tells where it stopped.
        """
        self.debugger.stopped(event)
        is_hit = self.watcher.is_hit_by(event)
        if is_hit or self.watcher.look_again():
            self._report("watch")
        elif self.debugger.failed is not None:
            who = f"an allocation fails here, asked for by {stack_words(self.debugger.failed_by)}"
            untold = "" if self.debugger.failed else "; its size is not told here: `heap-free --for SIZE` says why"
            put(printable(f"memtrace: {who}{untold}"))
            self._report("free", self.debugger.failed, fails_now=True)
        if is_hit:
            return
        if not self.debugger.at_death:
            self._reported = None  # the user looks around or has reset the target: the next assertion is new
            if self.debugger.at_other_death:
                put(gdb.execute("frame", to_string=True).rstrip())
                put("memtrace: the program ends here, outside of its heaps; heap-check looks at them all the same")
        elif self.settings.auto_report:
            self._report("check")
        else:
            put("memtrace: a heap assertion has stopped the target; heap-check shows the report")

    def _report(self, name: str, words: Sequence[str] = (), fails_now: bool = False) -> None:
        """Runs a command in a stop handler, and shows each failure once. Prints errors itself: GDB drops them there."""
        try:
            with errors_as_lines():
                command: Command = command_named(name)
                options = parsed_in_gdb(command, words)
                options.fails_now = fails_now
                self._keeps_stdout_clean = False
                report = command.run(self.target(), options)
                failure = _failure_of(report) if isinstance(report, CheckReport) else None
                if failure is not None and failure == self._reported:
                    put("memtrace: the same assertion as before; heap-check shows its report again")
                    return
                self._reported = self._reported if failure is None else failure
                self.show(command, report, options)
        except gdb.GdbError as problem:
            put(str(problem), gdb.STDERR)

    def go_on_watching(self) -> None:
        """Watches the word from now on: the call that the watch waited for has been reached."""
        with errors_as_lines():
            self.watcher.go_on()
            command: Command = command_named("watch")
            options = parsed_in_gdb(command, [])
            self.show(command, command.analyse(Collected(self.target()), options), options)

    def known_heaps(self) -> List[str]:
        """Returns the registered heaps as --heap takes them. Uses only memory that was read before."""
        memory = self.bytes.held()
        regions = [] if memory is None else find_named(memory, self.program).regions
        return [f"{region.kind}@{region.address:#x}" for region in regions]

    def known_tasks(self) -> List[str]:
        """Returns the names of the tasks in the ring. Uses only memory that was read before."""
        symbol, memory = address_of("memtrace_ring"), self.bytes.held()
        ring = memory.word(symbol) if symbol is not None and memory is not None else None
        try:
            events = read_ring(memory, ring).events if memory is not None and ring else ()
        except Trouble:
            return []
        return sorted({printable(event.task) for event in events if event.task})


def _failure_of(report: CheckReport) -> Hashable:
    """Returns a key that is equal for two stops at one failure: the assertion that froze the ring, else the damage."""
    if report.assertion is not None and report.assertion.seq is not None:
        return report.assertion
    return tuple((finding.rule, finding.address) for heap in report.heaps for finding in heap.findings)
