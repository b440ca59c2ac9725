# SPDX-License-Identifier: Apache-2.0
"""A log as the only part of a target that has something to tell."""

from __future__ import annotations

from typing import Union

from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.model.record import replace
from gdbext.trace.opened import OpenedLog
from gdbext.trace.trace import Trace
from gdbext.trace.wish import Wish

Run = Union[str, int]


class GivenLog:
    """A log, and which of its runs is meant. It can be read once: a command asks for one trace of it."""

    def __init__(self, opened: OpenedLog, run: Run) -> None:
        self.opened = opened
        self._run = run

    def trace(self, wish: Wish) -> Trace:
        """Returns what is wished for of the log. UserError if it has no such run."""
        trace: Trace = load("trace.log_trace", "trace_of")(self.opened, replace(wish, run=self._run))
        log = None if trace.info is None else trace.info.log
        if log is not None and isinstance(self._run, int) and self._run > log.runs:
            runs = "one run" if log.runs == 1 else f"{log.runs:,} runs"
            raise UserError(f"--run {self._run}: {self.opened.path} has {runs}")
        return trace


def run_of(text: str) -> Run:
    """Parses the value of --run."""
    if text in ("last", "all"):
        return text
    if not text.isdigit() or int(text) == 0:
        raise UserError(f"--run {text}: give a number from 1 on, last or all")
    return int(text)
