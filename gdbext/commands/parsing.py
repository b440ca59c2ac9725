# SPDX-License-Identifier: Apache-2.0
"""What a user types, by the declarations of commands: parsed, and explained."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser, Namespace
from typing import NoReturn, Optional, Sequence, Union

from gdbext.commands.command import Argument, Command, Tool
from gdbext.model.errors import UserError

_NO_BREAK = "\xa0"
Declared = Union[Command, Tool]


class Parser(ArgumentParser):
    """argparse that reports to its caller: it must not end GDB, and its errors are one line.

    `help_by`: how the user asks for help where these words are typed.
    """

    def __init__(self, command: Declared, prog: str, help_by: str, more: Sequence[Argument] = ()) -> None:
        super().__init__(prog=prog, add_help=False, allow_abbrev=False)
        self._help_by = help_by
        for argument in (*command.arguments, *more):
            self.add_argument(argument.name, help=argument.help, **argument.settings)

    def error(self, message: str) -> NoReturn:
        """A wrong argument."""
        raise UserError(f"{message}; see `{self._help_by}`")

    def exit(self, status: int = 0, message: Optional[str] = None) -> NoReturn:
        """Never exits."""
        raise UserError(message or "")


def parsed_in_gdb(command: Command, words: Sequence[str]) -> Namespace:
    """The arguments of a command in GDB."""
    called = command.heading.called
    return Parser(command, called, f"help {called}").parse_args(words)


def parsed_in_shell(command: Declared, words: Sequence[str], more: Sequence[Argument] = ()) -> Namespace:
    """The arguments of a command in the shell, and of what all have there."""
    called = f"memtrace {command.name}"
    options: Namespace = Parser(command, called, f"{called} --help", more).parse_intermixed_args(words)
    return options


def spelled(argument: Argument) -> str:
    """An argument as it is typed: its option and what stands for its value."""
    value = argument.settings.get("metavar") or "|".join(argument.settings.get("choices", ()))
    return " ".join(filter(None, (argument.name if argument.name.startswith("--") else "", value)))


def explained(argument: Argument) -> str:
    """What an argument is for, and the values it takes where its spelling does not show them."""
    choices = argument.settings.get("choices") if "metavar" in argument.settings else None
    return f"{argument.help}: {', '.join(choices)}" if choices else argument.help


def help_of(command: Declared, prog: str, more: Sequence[Argument] = ()) -> str:
    """The command's help: a sentence, how to call it, and its arguments. (argparse's takes 10 ms a dozen commands.)"""
    arguments = (*command.arguments, *more)
    needed = [not one.name.startswith("--") and one.settings.get("nargs") != "?" for one in arguments]
    words = [spelled(one) if must else f"[{spelled(one)}]" for one, must in zip(arguments, needed)]
    width = max((len(spelled(one)) for one in arguments), default=0)
    rows = [f"  {spelled(one):<{width}}  {explained(one)}" for one in arguments]
    unbroken = [word.replace(" ", _NO_BREAK) for word in (f"usage: {prog}", *words)]
    usage = textwrap.fill(" ".join(unbroken), 100, subsequent_indent="       ", break_on_hyphens=False)
    return "\n".join([command.heading.summary, "", usage.replace(_NO_BREAK, " "), "", *rows])
