# SPDX-License-Identifier: Apache-2.0
"""The declaration of a command: its arguments, and its three functions collect, analyse and text.

A command's file passes `__name__` and `__doc__`: the command's name and summary are taken from them.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Type

from gdbext.commands import heading_of
from gdbext.model.reports.base import Report
from gdbext.report.outputs import NAMES as OUTPUTS
from gdbext.target.target import Target


class Argument(NamedTuple):
    """One argument of a command. `settings` are keyword arguments of argparse's `add_argument`."""

    name: str
    help: str
    settings: Dict[str, Any]


OUTPUT = (
    Argument("--json", "the report as JSON: short for --format json", {"action": "store_true"}),
    Argument(
        "--output",
        "write the report to FILE (-: to the terminal); without --format the file's suffix says in which form",
        {"metavar": "FILE"},
    ),
    Argument("--format", "the form of the report", {"choices": list(OUTPUTS), "metavar": "FORM"}),
    Argument("--overwrite", "replace FILE if it is there", {"action": "store_true"}),
)


class Command:
    """A command that reads a target and makes a report."""

    def __init__(
        self,
        module: str,
        doc: Optional[str],
        arguments: Sequence[Argument],
        collect: Callable[[Target, Namespace], Any],
        analyse: Callable[[Any, Namespace], Report],
        text: Callable[[Any], Iterable[str]],
        report: Type[Report],
        status: Callable[[Any], int] = lambda report: 2 if report.cost.interrupted else 0,
        writes: bool = False,
        lacking: Callable[[Any], str] = lambda report: "",
        follow: Optional[Callable[[Target, Namespace], Iterator[Any]]] = None,
    ) -> None:
        """`status` gives the shell's exit status for a report. `writes` is true if the command writes to the target.

        `follow` collects again and again, where the user asks for it with --follow.
        `lacking` returns what the command needs and could not read, such as "heap". The shell's exit status is 2 then.
        """
        self.name, self.heading = _named(module, doc)
        self.arguments = (*arguments, *OUTPUT)
        self.collect, self.analyse, self.text = collect, analyse, text
        self.report = report
        self.status = status
        self.writes = writes
        self.lacking = lacking
        self._follow = follow

    def run(self, target: Target, options: Namespace) -> Report:
        """Reads the target and returns the report's data."""
        return self.analyse(self.collect(target, options), options)

    def reports(self, target: Target, options: Namespace) -> Iterator[Report]:
        """Yields the report, and with --follow a newer one whenever there is more. The last one is of all."""
        if self._follow is None or not options.follow:
            yield self.run(target, options)
            return
        for found in self._follow(target, options):
            yield self.analyse(found, options)


class Tool:
    """A shell command that reads no target itself. The words behind `--` go to the program that it starts."""

    def __init__(
        self,
        module: str,
        doc: Optional[str],
        arguments: Sequence[Argument],
        start: Callable[[Namespace, List[str]], int],
        more: str = "",
        report: Optional[Type[Report]] = None,
        needs_program: bool = False,
    ) -> None:
        """`start` runs the command and returns its exit status. `more` is an extra line of its help. `report` is what
        it prints with --json. `needs_program`: there must be words behind `--`.
        """
        self.name, self.heading = _named(module, doc)
        self.arguments = tuple(arguments)
        self.start = start
        self.more = more
        self.report = report
        self.needs_program = needs_program


def _named(module: str, doc: Optional[str]) -> Tuple[str, Any]:
    name = module.rpartition(".")[2].replace("_", "-")
    return name, heading_of((doc or "").split("\n", 1)[0])
