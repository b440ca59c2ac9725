# SPDX-License-Identifier: Apache-2.0
"""Registers memtrace in GDB: its commands, its settings, and the report at the stop of a heap assertion.

Approach: each command is a subcommand of the prefix `memtrace`. The commands for daily use have an alias with a dash.
Settings are GDB parameters (`set memtrace NAME`). One internal breakpoint stops at the assertion.
"""

from __future__ import annotations

from typing import Any, List

import gdb

from gdbext.commands import NAMES, Heading, command_named, headings
from gdbext.commands.command import Command
from gdbext.commands.parsing import help_of, words_in_gdb
from gdbext.faces.complete import EXPRESSION, FILE, complete
from gdbext.faces.gdb_session import Session
from gdbext.faces.gdb_settings import add_settings
from gdbext.faces.gdb_terminal import Prefix, error, errors_as_lines, put

_HELP = """\
memtrace: who broke the heap, who leaks it. Every command of memtrace begins with this word.

After a heap assertion: heap-check shows the damage and who did it, last-malloc ADDRESS the owners of an address;
memtrace watch last-damage stops the next run at the line that does it.
heap-blocks, heap-free and malloc-log list blocks, totals and events; memtrace status says what was found.
"""
_BY_GDB = {EXPRESSION: gdb.COMPLETE_EXPRESSION, FILE: gdb.COMPLETE_FILENAME}
_SESSIONS: List[Session] = []  # empty until memtrace is registered, then the one session of this GDB


class GdbCommand(gdb.Command):
    """A GDB command that runs one command of memtrace."""

    def __init__(self, command: Command, session: Session) -> None:
        self._command = command
        self._session = session
        self.__doc__ = help_of(command, command.heading.called)
        super().__init__(f"memtrace {command.name}", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Runs the command. Any error becomes one line."""
        with errors_as_lines():
            self._session.obey(self._command, words_in_gdb(self._command, argument))

    def complete(self, text: str, word: str) -> Any:
        """Returns options and values, or GDB's own completion of expressions and files. Reads no memory."""
        found = complete(self._command, text, self._session.known_heaps(), self._session.known_tasks())
        return _BY_GDB[found] if isinstance(found, str) else found


class ShellCommand(gdb.Command):
    """A command of the shell that users look for in GDB, too: it says what it is, and where it works. GDB loads none of
    its code.
    """

    def __init__(self, name: str, heading: Heading) -> None:
        self._called = heading.called
        self.__doc__ = f"In the shell: {heading.summary}\n`memtrace {name} --help` tells there how to use it."
        super().__init__(f"memtrace {name}", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Says where the command works."""
        raise error(f"{self._called} is a command of the shell, outside of GDB; see `help {self._called}`")


def session() -> Session:
    """Returns the session of this GDB. The commands of a breakpoint are text, and can reach it only in this way."""
    return _SESSIONS[0]


def register() -> None:
    """Adds commands, aliases, settings and event handlers. A second call changes nothing."""
    if _SESSIONS:
        return
    session = Session()
    _SESSIONS.append(session)
    _add_commands(session)
    add_settings(session)
    gdb.events.cont.connect(session.bytes.forget)
    gdb.events.memory_changed.connect(session.bytes.forget)
    gdb.events.memory_changed.connect(session.watcher.written_here)
    gdb.events.exited.connect(session.bytes.forget)
    gdb.events.stop.connect(session.stopped)
    gdb.events.clear_objfiles.connect(session.forget_program)
    gdb.events.new_objfile.connect(session.forget_program)
    gdb.events.new_objfile.connect(session.debugger.arm)
    gdb.events.new_thread.connect(session.debugger.connected)  # the first event of a new connection
    session.debugger.arm()


def _add_commands(session: Session) -> None:
    Prefix("memtrace", _HELP, NAMES)
    offered = [(name, heading) for name, heading in headings() if heading.only != "in the shell"]
    for name, heading in headings():
        if heading.only == "in the shell":
            ShellCommand(name, heading)
        else:
            GdbCommand(command_named(name), session)
    for name, heading in offered:
        if heading.called.startswith("memtrace "):
            continue
        try:
            gdb.execute(f"alias {heading.called} = memtrace {name}")
        except gdb.error:
            put(f"memtrace: {heading.called} is taken; use `memtrace {name}`", gdb.STDERR)
