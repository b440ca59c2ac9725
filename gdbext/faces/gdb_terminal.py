# SPDX-License-Identifier: Apache-2.0
"""GDB's console: what is put out on it, and what ends a command in one line."""

from __future__ import annotations

import locale
from contextlib import contextmanager
from typing import Iterator

import gdb

from gdbext.model.errors import UserError, one_line
from gdbext.report.printable import encodable, printable


def put(text: str, stream: int = gdb.STDOUT) -> None:
    """Puts filtered text out on GDB's console."""
    gdb.write(encodable(text, _encoding()) + "\n", stream)


def _encoding() -> str:
    """What a terminal takes from GDB, which writes UTF-8 whatever the locale is."""
    told = locale.nl_langinfo(locale.CODESET) if hasattr(locale, "nl_langinfo") else locale.getpreferredencoding(False)
    return "utf-8" if told.upper() == "UTF-8" else "ascii"


def error(text: str) -> gdb.GdbError:
    """A line that ends a command."""
    return gdb.GdbError(shown(f"memtrace: {text}"))


def shown(text: str) -> str:
    """A line as this terminal takes it."""
    return encodable(printable(text), _encoding())


class Prefix(gdb.Command):
    """A word that commands or settings begin with."""

    def __init__(self, name: str, help_text: str) -> None:
        self.__doc__ = help_text
        super().__init__(name, gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """Whatever goes wrong inside is one line to its user; GDB's own switch shows where a bug of ours lies."""
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
