# SPDX-License-Identifier: Apache-2.0
"""The one table of commands: name, arguments, what collects and analyses, what renders. GDB and the shell read it
alike.
"""

from __future__ import annotations

import argparse
import textwrap
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, NoReturn, Optional, Tuple, TypeVar

from gdbext.commands.blocks import run_blocks, run_free
from gdbext.commands.check import run_check
from gdbext.commands.collect import SEARCH
from gdbext.commands.control import run_request
from gdbext.commands.host import Host, UserError
from gdbext.commands.last import run_last
from gdbext.commands.log import run_log
from gdbext.commands.refs import run_leaks, run_refs
from gdbext.commands.status import run_status
from gdbext.commands.watch import run_watch
from gdbext.model import SaveReport
from gdbext.report.as_json import to_json
from gdbext.report.printable import text_of
from gdbext.report.text_check import check_lines
from gdbext.report.text_last import last_lines
from gdbext.report.text_lists import blocks_lines, control_lines, free_lines, log_lines, save_lines, status_lines
from gdbext.report.text_refs import leaks_lines, refs_lines
from gdbext.report.text_watch import watch_lines
from gdbext.report.words import interruption_lines
from gdbext.trace.format import EVENT_KINDS


@dataclass(frozen=True)
class Argument:
    """One argument of a command, as argparse takes it."""

    name: str
    help: str
    settings: Dict[str, Any]


@dataclass(frozen=True)
class Described:
    """What a user sees of a command."""

    name: str
    alias: Optional[str]
    summary: str
    arguments: Tuple[Argument, ...]


@dataclass(frozen=True)
class Command(Described):
    """One command: `run` gives the report's data, `render` its lines."""

    run: Callable[[Host, Namespace], Any]
    render: Callable[[Any], Iterable[str]]
    writes: bool = False  # to the target, and only what the user asked for by its name
    live: bool = False  # of a debugger's target only


_NO_BREAK = "\xa0"

_HEAP = Argument(
    "--heap",
    "look at this heap only; repeatable. Without it: every heap that symbols lead to",
    {"action": "append", "default": [], "metavar": "KIND@ADDRESS"},
)
_POOL = Argument(
    "--pool",
    "memory that the heap was given besides: a pool of a TLSF, a region of a heap_5; repeatable",
    {"action": "append", "default": [], "metavar": "START,END"},
)
_RING = Argument(
    "--ring", "address of the ring's header. Without it: what memtrace_ring points to", {"metavar": "ADDRESS"}
)
_SEARCH = Argument(
    "--search",
    "look for heaps and the ring between START and END; what that costs is said first",
    {"metavar": "START,END", "dest": "ring", "type": SEARCH.__add__},
)
_RSP = Argument(
    "--rsp",
    "read the target at HOST:PORT by memtrace's own client of the remote protocol: QEMU, OpenOCD, a stub on the chip",
    {"metavar": "HOST:PORT"},
)
_JSON = Argument("--json", "the report as JSON", {"action": "store_true"})
_BLOCKS = Argument("--blocks", "list every block in the JSON", {"action": "store_true"})
_ADDRESS = Argument("address", "any address in or around the block", {"metavar": "ADDRESS"})
_ALL = Argument("--all", "list everything", {"action": "store_true"})
_LIMIT = Argument(
    "--limit", "list at most N entries (default: the setting `limit`; owners of an address: 5)", {"metavar": "N"}
)
_SIZE = Argument("--size", "bytes: MIN:MAX, MIN:, :MAX or N", {"metavar": "RANGE"})
_WHERE = Argument("--address", "addresses: START:END, START:, :END", {"metavar": "RANGE"})
_TASK = Argument("--task", "of this task only", {"metavar": "NAME"})
_CALLER = Argument("--caller", "only where a frame's function or file contains TEXT", {"metavar": "TEXT"})
_STATE = Argument("--state", "used or free blocks only", {"choices": ["used", "free"]})
_SEQ = Argument("--seq", "sequence numbers: FIRST:LAST, FIRST:, :LAST", {"metavar": "RANGE"})
_KIND = Argument("--kind", "events of this kind only", {"metavar": "KIND", "choices": EVENT_KINDS})
_NAME = Argument("name", "the mark's name, at most 20 bytes", {"metavar": "NAME"})
_WATCHED = Argument(
    "what",
    "an address, or the word that the last report found damaged, or off; without it: how far the watch has come",
    {"metavar": "ADDRESS|last-damage|off", "nargs": "?"},
)
_FILE = Argument("file", "the file to write; a core that is there is replaced", {"metavar": "FILE"})
_SOURCES = (_HEAP, _POOL, _RING, _SEARCH, _RSP, _JSON)
_SCAN = Argument(
    "--scan",
    "scan this memory too for pointers, beside globals, stacks and registers; repeatable",
    {"action": "append", "default": [], "metavar": "START,END"},
)
_UNREACHABLE = Argument(
    "--unreachable",
    "blocks that nothing points at, from globals, stacks and registers on",
    {"action": "store_true"},
)
_SINCE = Argument("--since", "only what was allocated after this mark", {"metavar": "MARK"})


def _request(name: str) -> Argument:
    """An argument that nobody types: which request a control command makes."""
    return Argument("--request", argparse.SUPPRESS, {"default": name})


def _run_save(host: Host, options: Namespace) -> SaveReport:
    """What it takes to write a core is loaded when it is asked for."""
    from gdbext.commands.save import run_save

    return run_save(host, options)


COMMANDS: Tuple[Command, ...] = (
    Command(
        "check",
        "heap-check",
        "Walk every heap, check all invariants, and name who damaged it.",
        (*_SOURCES, _BLOCKS),
        run_check,
        check_lines,
    ),
    Command(
        "last",
        "last-malloc",
        "Show the block that holds an address or held it last, with its owners and their stacks.",
        (_ADDRESS, *_SOURCES, _LIMIT, _ALL),
        run_last,
        last_lines,
    ),
    Command(
        "blocks",
        "heap-blocks",
        "List the blocks of every heap with their owners.",
        (*_SOURCES, _SIZE, _STATE, _TASK, _WHERE, _CALLER, _LIMIT, _ALL),
        run_blocks,
        blocks_lines,
    ),
    Command(
        "free",
        "heap-free",
        "Show each heap in numbers: used, free, largest free block, tightest moment, fragmentation.",
        _SOURCES,
        run_free,
        free_lines,
    ),
    Command(
        "leaks",
        "heap-leaks",
        "List blocks that were allocated in the trace and not freed, or that nothing points at.",
        (_UNREACHABLE, _SINCE, _SCAN, *_SOURCES, _LIMIT, _ALL),
        run_leaks,
        leaks_lines,
    ),
    Command(
        "refs",
        "heap-refs",
        "Show who points at a block: globals, stacks, registers and other blocks.",
        (_ADDRESS, _SCAN, *_SOURCES, _LIMIT, _ALL),
        run_refs,
        refs_lines,
    ),
    Command(
        "log",
        "malloc-log",
        "Show the last events of the ring.",
        (_RING, _SEARCH, _RSP, _JSON, _KIND, _SIZE, _TASK, _WHERE, _CALLER, _SEQ, _LIMIT, _ALL),
        run_log,
        log_lines,
    ),
    Command(
        "status",
        None,
        "Show what was found (heaps, layouts, ring, symbols), what is missing and how to get it.",
        _SOURCES,
        run_status,
        status_lines,
    ),
    Command(
        "watch",
        None,
        "Stop at whoever writes over a block: in the next run after a report of damage, or from now on.",
        (_WATCHED, _RING, _SEARCH, _JSON, Argument("--go", argparse.SUPPRESS, {"action": "store_true"})),
        run_watch,
        watch_lines,
        live=True,
    ),
    Command(
        "save",
        None,
        "Save heaps, ring, globals, stacks and registers as an ELF core that GDB and every command opens.",
        (_FILE, *_SOURCES),
        _run_save,
        save_lines,
        live=True,
    ),
    Command(
        "start",
        None,
        "Ask the recorder to record, also after an assertion has frozen the ring. Writes to the target.",
        (_RING, _SEARCH, _RSP, _JSON, _request("start")),
        run_request,
        control_lines,
        writes=True,
    ),
    Command(
        "stop",
        None,
        "Ask the recorder to stop recording. Writes to the target.",
        (_RING, _SEARCH, _RSP, _JSON, _request("stop")),
        run_request,
        control_lines,
        writes=True,
    ),
    Command(
        "frees-only",
        None,
        "Ask the recorder to record frees but no new allocations. Writes to the target.",
        (_RING, _SEARCH, _RSP, _JSON, _request("frees-only")),
        run_request,
        control_lines,
        writes=True,
    ),
    Command(
        "mark",
        None,
        "Ask the recorder to put a named mark into the ring. Writes to the target.",
        (_NAME, _RING, _SEARCH, _RSP, _JSON, _request("mark")),
        run_request,
        control_lines,
        writes=True,
    ),
)


class Parser(ArgumentParser):
    """argparse that reports to its caller: it must not end GDB, and its errors are one line."""

    asks_by = "help {}"  # how the user asks for help where this parser's words are typed

    def error(self, message: str) -> NoReturn:
        """A wrong argument."""
        raise UserError(f"{message}; see `{self.asks_by.format(self.prog)}`")

    def exit(self, status: int = 0, message: Optional[str] = None) -> NoReturn:
        """Never exits."""
        raise UserError(message or "")


_Parser = TypeVar("_Parser", bound=Parser)


class ShellParser(Parser):
    """The same in the shell."""

    asks_by = "{} --help"


def shell_parser_of(command: Described, *more: Argument) -> ShellParser:
    """The parser of one command in the shell, and of the arguments that all have there."""
    return _filled(ShellParser(prog=f"memtrace {command.name}", add_help=False, allow_abbrev=False), command, *more)


def parser_of(command: Described, prog: str) -> Parser:
    """The parser of one command's arguments."""
    return _filled(Parser(prog=prog, add_help=False, allow_abbrev=False), command)


def _filled(parser: _Parser, command: Described, *more: Argument) -> _Parser:
    for argument in (*command.arguments, *more):
        parser.add_argument(argument.name, help=argument.help, **argument.settings)
    return parser


def visible(arguments: Iterable[Argument]) -> List[Argument]:
    """The arguments that people type."""
    return [argument for argument in arguments if argument.help != argparse.SUPPRESS]


def spelled(argument: Argument) -> str:
    """An argument as it is typed: its option and what stands for its value."""
    value = argument.settings.get("metavar") or "|".join(argument.settings.get("choices", ()))
    return " ".join(filter(None, (argument.name if argument.name.startswith("--") else "", value)))


def help_of(command: Described, prog: str, *more: Argument) -> str:
    """The command's help: a sentence, how to call it, and its arguments. (argparse's takes 10 ms a dozen commands.)"""
    arguments = visible((*command.arguments, *more))
    needed = [not one.name.startswith("--") and one.settings.get("nargs") != "?" for one in arguments]
    words = [spelled(one) if must else f"[{spelled(one)}]" for one, must in zip(arguments, needed)]
    width = max((len(spelled(one)) for one in arguments), default=0)
    rows = [f"  {spelled(one):<{width}}  {one.help}" for one in arguments]
    unbroken = [word.replace(" ", _NO_BREAK) for word in (f"usage: {prog}", *words)]
    usage = textwrap.fill(" ".join(unbroken), 100, subsequent_indent="       ", break_on_hyphens=False)
    return "\n".join([command.summary, "", usage.replace(_NO_BREAK, " "), "", *rows])


def render(command: Command, report: Any, options: Namespace) -> str:
    """A report as the user asked for it."""
    if options.json:
        return to_json(report)
    return text_of((*interruption_lines(getattr(report, "cost", None)), *command.render(report)))
