# SPDX-License-Identifier: Apache-2.0
"""The settings as parameters of GDB: `set memtrace NAME VALUE`, `show memtrace NAME`."""

from __future__ import annotations

from typing import Any, List, Tuple

import gdb

from gdbext.faces.gdb_session import Session
from gdbext.faces.gdb_terminal import Prefix, errors_as_lines, put, shown
from gdbext.model.errors import UserError
from gdbext.source.known import parse_ranges
from gdbext.target.settings import SETTINGS, Declared

_KINDS = {bool: gdb.PARAM_BOOLEAN, int: gdb.PARAM_ZUINTEGER, str: gdb.PARAM_STRING_NOESCAPE}
_TEXTS = ("memory", "rsp")  # settings that may be empty


class Setting(gdb.Parameter):
    """One setting of memtrace. Its help says what each value does, and the default."""

    def __init__(self, session: Session, declared: Declared) -> None:
        self.set_doc = f"Set {declared.what}."
        self.show_doc = f"Show {declared.what}."
        self._declared = declared
        self._session = session
        self._field = declared.name.replace("-", "_")
        value = self._stored()
        width = max(len(one) for one, _ in declared.values)
        rows = [f"  {one or 'nothing':<{width}}  {what}" for one, what in declared.values]
        self.__doc__ = "\n".join([*rows, f"Default: {_spelled(value)}."])
        if declared.choices and not isinstance(value, bool):
            super().__init__(f"memtrace {declared.name}", gdb.COMMAND_DATA, gdb.PARAM_ENUM, declared.choices)
        else:
            super().__init__(f"memtrace {declared.name}", gdb.COMMAND_DATA, _KINDS[type(value)])
        self.value = value

    def _stored(self) -> Any:
        return getattr(self._session.settings, self._field)

    def get_set_string(self) -> str:
        """Stores the new value. Restores the old one if the new one is wrong, or cannot be obeyed now."""
        before = self._stored()
        try:
            with errors_as_lines():
                self._obey()
        except gdb.GdbError:
            self.value = before
            setattr(self._session.settings, self._field, before)
            raise
        self._session.bytes.forget()
        return ""

    def _obey(self) -> None:
        if self._field == "memory":
            try:
                parse_ranges(str(self.value or ""))
            except ValueError as problem:
                raise UserError(str(problem)) from None
        setattr(self._session.settings, self._field, self.value or "" if self._field in _TEXTS else self.value)
        if self._field in ("auto_stop", "stop_on_failure"):
            self._session.debugger.arm()
        if self._field == "stop_on_failure":
            self._session.debugger.require_failure_stop()

    def get_show_string(self, value: str) -> str:
        """Returns the line that `show memtrace` prints."""
        what = self._declared.what
        return shown(f"{what[0].upper()}{what[1:]}: {value or 'nothing'}.")


def _spelled(value: Any) -> str:
    """Returns a value as `set memtrace` takes it."""
    return ("off", "on")[value] if isinstance(value, bool) else str(value) or "nothing"


def add_settings(session: Session) -> None:
    """Adds a parameter for every setting, and the two prefixes, which list them."""
    settings: List[Tuple[str, Setting]] = []

    def show_all() -> None:
        for name, setting in settings:
            put(f"memtrace {name}:  {setting.get_show_string(_spelled(setting.value))}")

    names = [declared.name for declared in SETTINGS]
    Prefix("set memtrace", "Settings of memtrace.", names)
    Prefix("show memtrace", "Settings of memtrace.", names, show_all)
    settings += [(declared.name, Setting(session, declared)) for declared in SETTINGS]
