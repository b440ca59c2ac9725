# SPDX-License-Identifier: Apache-2.0
"""A log as the only part of a target that has something to tell."""

from __future__ import annotations

from itertools import chain
from typing import Sequence

from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.model.record import replace
from gdbext.model.said import Said
from gdbext.symbols.log_symbols import LogSymbols
from gdbext.trace.opened import OpenedLog
from gdbext.trace.processes import ProcessLog
from gdbext.trace.trace import Trace
from gdbext.trace.wish import Run, Wish


class GivenLog:
    """A log, which of its runs is meant, and the names of its addresses. It can be read once."""

    def __init__(self, opened: OpenedLog, run: Run, symbols: LogSymbols, processes: Sequence[ProcessLog] = ()) -> None:
        """`processes` are the logs of all processes of one run, this one first. Without them: there is one alone."""
        self.opened, self.run, self.symbols, self.processes = opened, run, symbols, processes
        beside = opened.beside
        symbols.named, symbols.by_monitor = beside.named, beside.by_monitor
        symbols.libraries, symbols.segments = beside.libraries, beside.segments

    def trace(self, wish: Wish) -> Trace:
        """Returns what is wished for of the log. UserError if it has no such run."""
        self.require_one()
        trace: Trace = load("trace.log_trace", "trace_of")(self.opened, replace(wish, run=self.run))
        if trace.info is not None and trace.info.log is not None:
            self.require_run(trace.info.log.runs)
        header = self.opened.header
        build_id = "" if header is None else header.build_id
        self.symbols.begin(build_id if build_id.strip("0") else None, trace.modules)
        self.symbols.prepare(chain.from_iterable(trace.stacks()))
        return trace

    def unnamed(self) -> Sequence[Said]:
        """Returns why its addresses have no names, or only poor ones."""
        return self.symbols.problems

    @property
    def addressed(self) -> bool:
        """Tells whether it has the addresses of blocks."""
        return self.opened.has_addresses

    def require_one(self) -> None:
        """Raises UserError if there are logs of several processes."""
        if self.processes:
            raise UserError(
                f"{self.opened.path} and the other files are of {len(self.processes):,} processes, which only report "
                "takes together: give one of them"
            )

    def require_run(self, runs: int) -> None:
        """Raises UserError if the log has fewer runs than the one that is meant."""
        if isinstance(self.run, int) and self.run > runs:
            there = "one run" if runs == 1 else f"{runs:,} runs"
            raise UserError(f"--run {self.run}: {self.opened.path} has {there}")


def run_of(text: str) -> Run:
    """Parses the value of --run."""
    if text in ("last", "all"):
        return text
    if not text.isdigit() or int(text) == 0:
        raise UserError(f"--run {text}: give a number from 1 on, last or all")
    return int(text)
