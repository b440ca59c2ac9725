# SPDX-License-Identifier: Apache-2.0
"""The settings as parameters of GDB: `set memtrace NAME VALUE`, `show memtrace NAME`."""

from __future__ import annotations

from typing import Tuple

import gdb

from gdbext.faces.gdb_session import Session
from gdbext.faces.gdb_terminal import Prefix, error, shown
from gdbext.source.known import parse_ranges
from gdbext.target.settings import SETTINGS

_KINDS = {bool: gdb.PARAM_BOOLEAN, int: gdb.PARAM_ZUINTEGER, str: gdb.PARAM_STRING_NOESCAPE}
_TEXTS = ("memory", "rsp")  # settings that may be empty


class Setting(gdb.Parameter):
    """One setting of memtrace. Its help has no more than its values and its default."""

    def __init__(self, session: Session, name: str, what: str, choices: Tuple[str, ...]) -> None:
        self.set_doc = f"Set {what}."
        self.show_doc = f"Show {what}."
        self._what = what
        self._session = session
        self._field = name.replace("-", "_")
        value = getattr(session.settings, self._field)
        default = ("off", "on")[value] if isinstance(value, bool) else value
        self.__doc__ = " ".join(
            [*([f"One of {', '.join(choices)}."] if choices else []), f"Default: {default or 'nothing'}."]
        )
        if choices and not isinstance(value, bool):
            super().__init__(f"memtrace {name}", gdb.COMMAND_DATA, gdb.PARAM_ENUM, choices)
        else:
            super().__init__(f"memtrace {name}", gdb.COMMAND_DATA, _KINDS[type(value)])
        self.value = value

    def get_set_string(self) -> str:
        """Stores the new value, or restores the old one if the new one is wrong."""
        if self._field == "memory":
            try:
                parse_ranges(str(self.value or ""))
            except ValueError as problem:
                self.value = self._session.settings.memory
                raise error(str(problem)) from None
        setattr(self._session.settings, self._field, self.value or "" if self._field in _TEXTS else self.value)
        if self._field == "auto_stop":
            self._session.debugger.arm()
        self._session.bytes.forget()
        return ""

    def get_show_string(self, value: str) -> str:
        """Returns the line that `show memtrace` prints."""
        return shown(f"{self._what[0].upper()}{self._what[1:]}: {value}.")


def add_settings(session: Session) -> None:
    """Adds a parameter for every setting."""
    Prefix("set memtrace", "Settings of memtrace.")
    Prefix("show memtrace", "Settings of memtrace.")
    for name, what, choices in SETTINGS:
        Setting(session, name, what, choices)
