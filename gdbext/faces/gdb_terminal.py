# SPDX-License-Identifier: Apache-2.0
"""Writes to GDB's console, and turns any error of a command into one line there."""

from __future__ import annotations

import locale
import os
from contextlib import contextmanager
from typing import Callable, Iterator, Optional, Sequence

import gdb

from gdbext.commands.parsing import did_you_mean
from gdbext.model.errors import UserError, one_line
from gdbext.report.printable import encodable, printable


def put(text: str, stream: int = gdb.STDOUT) -> None:
    """Writes text, already filtered by `printable`, and a newline to GDB's console."""
    gdb.write(encodable(text, _encoding()) + "\n", stream)


def _encoding() -> str:
    """Returns an encoding that the terminal can show. GDB itself writes UTF-8, whatever the locale is."""
    name = locale.nl_langinfo(locale.CODESET) if hasattr(locale, "nl_langinfo") else locale.getpreferredencoding(False)
    return "utf-8" if name.upper() == "UTF-8" else "ascii"


def columns() -> Optional[int]:
    """Returns the width of the terminal, as `set width` has it. None: GDB prints to no terminal, or wraps nothing."""
    width = gdb.parameter("width")
    return int(width) if width and os.isatty(1) else None


def error(text: str) -> gdb.GdbError:
    """Makes the error that ends a command with one line."""
    return gdb.GdbError(shown(f"memtrace: {text}"))


def shown(text: str) -> str:
    """Returns a line with escapes for all characters that this terminal cannot show."""
    return encodable(printable(text), _encoding())


class Prefix(gdb.Command):
    """A GDB prefix command: the word that a group of commands or settings begins with.

    Alone it calls `alone`; without that it shows its help, which lists the group. `members` are the group's words.
    """

    def __init__(
        self, name: str, help_text: str, members: Sequence[str], alone: Optional[Callable[[], object]] = None
    ) -> None:
        self.__doc__ = help_text
        self._name = name
        self._members = members
        self._alone = alone or (lambda: gdb.execute(f"help {name}"))
        super().__init__(name, gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Lists the group. GDB comes here with a word that names none of it, too."""
        if not argument:
            self._alone()
            return
        word = argument.split()[0]
        meant = did_you_mean(word, self._members)
        raise error(f"there is no `{self._name} {word}`{meant}; see `help {self._name}`")


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """Turns any error inside into one line. `set python print-stack full` lets a bug of memtrace through."""
    try:
        yield
    except gdb.GdbError:
        raise
    except UserError as problem:
        raise error(str(problem)) from None
    except KeyboardInterrupt:
        raise error("interrupted; nothing is lost: the same command again reads on") from None
    except gdb.error as problem:
        raise error(f"GDB says: {one_line(problem)}") from None
    except Exception as problem:
        if gdb.parameter("python print-stack") == "full":
            raise
        raise error(
            f"a bug of memtrace: {type(problem).__name__}: {one_line(problem)}; "
            "`set python print-stack full`, then the same command again, shows where"
        ) from None
