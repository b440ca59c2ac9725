# SPDX-License-Identifier: Apache-2.0
"""The one table of commands: name, arguments, what collects and analyses, what renders. GDB and the shell read it
alike.
"""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, NoReturn, Optional, Tuple

from gdbext.commands.check import run_check
from gdbext.commands.host import Host, UserError
from gdbext.commands.last import run_last
from gdbext.report.as_json import to_json
from gdbext.report.text_check import check_lines
from gdbext.report.text_last import last_lines


@dataclass(frozen=True)
class Argument:
    """One argument of a command, as argparse takes it."""

    name: str
    help: str
    settings: Dict[str, Any]


@dataclass(frozen=True)
class Command:
    """One command: `run` gives the report's data, `render` its lines."""

    name: str
    alias: Optional[str]
    summary: str
    arguments: Tuple[Argument, ...]
    run: Callable[[Host, Namespace], Any]
    render: Callable[[Any], Iterable[str]]


_HEAP = Argument(
    "--heap",
    "look at this heap only; repeatable. Without it: every heap that symbols lead to",
    {"action": "append", "default": [], "metavar": "KIND@ADDRESS"},
)
_RING = Argument(
    "--ring", "address of the ring's header. Without it: what memtrace_ring points to", {"metavar": "ADDRESS"}
)
_JSON = Argument("--json", "the report as JSON", {"action": "store_true"})
_BLOCKS = Argument("--blocks", "list every block in the JSON", {"action": "store_true"})
_ADDRESS = Argument("address", "any address in or around the block", {"metavar": "ADDRESS"})

COMMANDS: Tuple[Command, ...] = (
    Command(
        "check",
        "heap-check",
        "Walk every heap, check all invariants, and name who damaged it.",
        (_HEAP, _RING, _BLOCKS, _JSON),
        run_check,
        check_lines,
    ),
    Command(
        "last",
        "last-malloc",
        "Show the block that holds an address or held it last, with its owners and their stacks.",
        (_ADDRESS, _HEAP, _RING, _JSON),
        run_last,
        last_lines,
    ),
)


class Parser(ArgumentParser):
    """argparse that reports to its caller: it must not end GDB, and its errors are one line."""

    def error(self, message: str) -> NoReturn:
        """A wrong argument."""
        raise UserError(f"{message}; see `help {self.prog}`")

    def exit(self, status: int = 0, message: Optional[str] = None) -> NoReturn:
        """Never exits."""
        raise UserError(message or "")


def parser_of(command: Command, prog: str, *more: Argument) -> Parser:
    """The parser of one command's arguments, and of those that its face adds."""
    parser = Parser(prog=prog, add_help=False, allow_abbrev=False)
    for argument in (*command.arguments, *more):
        parser.add_argument(argument.name, help=argument.help, **argument.settings)
    return parser


def help_of(command: Command, prog: str, *more: Argument) -> str:
    """The command's help: a sentence, how to call it, and its arguments."""
    parser = parser_of(command, prog, *more)
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=100)
    return f"{command.summary}\n\n{parser.format_help()}".rstrip()


def render(command: Command, report: Any, options: Namespace) -> str:
    """A report as the user asked for it."""
    return to_json(report) if options.json else "\n".join(command.render(report))
