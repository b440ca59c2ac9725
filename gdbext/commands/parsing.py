# SPDX-License-Identifier: Apache-2.0
"""Parses and explains the arguments of commands, from their declarations."""

from __future__ import annotations

import re
import shlex
import sys
import textwrap
from argparse import ArgumentParser, Namespace
from difflib import get_close_matches
from itertools import takewhile
from typing import List, NoReturn, Optional, Sequence, Union

from gdbext.commands.command import Argument, Command, Tool
from gdbext.model.errors import UserError
from gdbext.report.destination import check_destination

_NO_BREAK = "\xa0"
_WORD = re.compile(r"""(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'\\])+""")
_OPTION = re.compile(r"--[A-Za-z]")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
Declared = Union[Command, Tool]


class Parser(ArgumentParser):
    """An argparse parser that raises UserError: argparse itself would end GDB.

    `help_by` is the command by which the user asks for help, in GDB or in the shell.
    """

    def __init__(self, command: Declared, prog: str, help_by: str, more: Sequence[Argument] = ()) -> None:
        super().__init__(prog=prog, add_help=False, allow_abbrev=False)
        self._help_by = help_by
        for argument in (*command.arguments, *more):
            self.add_argument(argument.name, help=argument.help, **argument.settings)
        self._options = [one.name for one in (*command.arguments, *more) if one.name.startswith("--")]

    def refuse_unknown(self, words: Sequence[str]) -> None:
        """Raises UserError at the first option that the command does not have."""
        for word in takewhile("--".__ne__, words):
            name = word.partition("=")[0]
            if name.startswith("--") and " " not in name and name not in self._options:
                self.error(f"{name} is no option{did_you_mean(name, self._options)}")

    def error(self, message: str) -> NoReturn:
        """Raises UserError with argparse's message about a wrong argument."""
        raise UserError(f"{message}; see `{self._help_by}`")

    def exit(self, status: int = 0, message: Optional[str] = None) -> NoReturn:
        """Raises UserError instead of leaving the process."""
        raise UserError(message or "")


def parsed_in_gdb(command: Command, words: Sequence[str]) -> Namespace:
    """Parses the arguments of a command in GDB."""
    called = command.heading.called
    parser = Parser(command, called, f"help {called}")
    parser.refuse_unknown(words)
    options: Namespace = parser.parse_args(words)
    check_destination(command.report, options)
    return options


def words_in_gdb(command: Command, text: str) -> List[str]:
    """Splits what was typed in GDB. An address is an expression there: what is no option is one word, as typed."""
    try:
        words = shlex.split(text)
    except ValueError as problem:
        raise UserError(str(problem)) from None
    positional = [one.settings.get("metavar", "") for one in command.arguments if one.name[:2] != "--"]
    if positional and "ADDRESS" not in positional[0]:
        return words
    flags = {one.name: one.settings.get("action") == "store_true" for one in command.arguments}
    options: List[str] = []
    expression: List[str] = []
    is_value = False
    for word in _WORD.findall(text):
        if is_value or _OPTION.match(word):
            options += shlex.split(word)
            is_value = not (is_value or flags.get(word, True))
        else:
            expression.append(word)
    whole = " ".join(expression)
    if expression and not positional:
        raise UserError(f"{whole} belongs to no option: a value with spaces is put in quotes")
    quoted = _QUOTED.fullmatch(whole)  # in quotes, as other commands take what has spaces
    return [*options, "--", whole[1:-1] if quoted else whole] if expression else options


def parsed_in_shell(command: Declared, words: Sequence[str], more: Sequence[Argument] = ()) -> Namespace:
    """Parses the arguments of a command in the shell. `more` are those that all commands have there."""
    called = f"memtrace {command.name}"
    parser = Parser(command, called, f"{called} --help", more)
    parser.refuse_unknown(words)
    options: Namespace = parser.parse_intermixed_args(words)
    if isinstance(command, Command):
        check_destination(command.report, options, sys.stdout)
    return options


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Returns the end of a refusal: the known word that is most like the unknown one, if one is like it."""
    return "".join(f": did you mean {one}?" for one in get_close_matches(word, known, 1))


def spelled(argument: Argument) -> str:
    """Returns an argument as it is typed: the option's name, then the placeholder of its value."""
    value = argument.settings.get("metavar") or "|".join(argument.settings.get("choices", ()))
    return " ".join(filter(None, (argument.name if argument.name.startswith("--") else "", value)))


def explained(argument: Argument) -> str:
    """Returns the help of an argument. Lists its choices if the placeholder does not."""
    choices = argument.settings.get("choices") if "metavar" in argument.settings else None
    return f"{argument.help}: {', '.join(choices)}" if choices else argument.help


def help_of(command: Declared, prog: str, more: Sequence[Argument] = ()) -> str:
    """Returns a command's help: its summary, its usage, and its arguments. argparse takes 10 ms for 12 commands."""
    arguments = (*command.arguments, *more)
    needed = [not one.name.startswith("--") and one.settings.get("nargs") not in ("?", "*") for one in arguments]
    words = [spelled(one) if must else f"[{spelled(one)}]" for one, must in zip(arguments, needed)]
    width = max((len(spelled(one)) for one in arguments), default=0)
    rows = [f"  {spelled(one):<{width}}  {explained(one)}" for one in arguments]
    unbroken = [word.replace(" ", _NO_BREAK) for word in (f"usage: {prog}", *words)]
    usage = textwrap.fill(" ".join(unbroken), 79, subsequent_indent="       ", break_on_hyphens=False)
    return "\n".join([command.heading.summary, "", usage.replace(_NO_BREAK, " "), "", *rows])
