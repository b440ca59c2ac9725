# SPDX-License-Identifier: Apache-2.0
"""What a command is: its arguments, and its three functions collect, analyse and text.

Name and summary stand in the first line of the command's file, which is handed over as `__name__` and `__doc__`.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Type

from gdbext.commands import heading_of
from gdbext.model.reports.base import Report
from gdbext.report.outputs import NAMES as OUTPUTS
from gdbext.target.target import Target


class Argument(NamedTuple):
    """One argument of a command, as argparse takes it."""

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
    """One command on a target."""

    def __init__(
        self,
        module: str,
        doc: Optional[str],
        arguments: Sequence[Argument],
        collect: Callable[[Target, Namespace], Any],
        analyse: Callable[[Any, Namespace], Report],
        text: Callable[[Any], Iterable[str]],
        report: Type[Report],
        status: Callable[[Any], int] = lambda report: 0,
        writes: bool = False,
    ) -> None:
        """`status`: the shell's exit status for a report; `writes`: to the target, what the user asked for by name."""
        self.name, self.heading = _named(module, doc)
        self.arguments = (*arguments, *OUTPUT)
        self.collect, self.analyse, self.text = collect, analyse, text
        self.report = report
        self.status = status
        self.writes = writes

    def run(self, target: Target, options: Namespace) -> Report:
        """The report's data."""
        return self.analyse(self.collect(target, options), options)


class Tool:
    """A command of the shell that looks at no target itself; what follows `--` are the words of another program."""

    def __init__(
        self,
        module: str,
        doc: Optional[str],
        arguments: Sequence[Argument],
        start: Callable[[Namespace, List[str]], int],
        more: str = "",
    ) -> None:
        """`start`: gives the exit status; `more`: a line for its help."""
        self.name, self.heading = _named(module, doc)
        self.arguments = tuple(arguments)
        self.start = start
        self.more = more


def _named(module: str, doc: Optional[str]) -> Tuple[str, Any]:
    name = module.rpartition(".")[2].replace("_", "-")
    return name, heading_of((doc or "").split("\n", 1)[0])
