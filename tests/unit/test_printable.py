# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in the texts of a report, its lines are as many, and printable."""

from __future__ import annotations

import io
import typing
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest

from gdbext.commands import command_named, headings
from gdbext.commands.command import Command
from gdbext.model.record import Record
from gdbext.model.said import Fact, Said
from gdbext.report.destination import told
from gdbext.report.printable import encodable, printable, put
from gdbext.report.sentences import BLANK, templates
from gdbext.report.style import for_terminal
from gdbext.report.text.report import SECTIONS
from tests.support.terminal import HOSTILE, commanding

# Words of ours among the texts of a report: what stands there is chosen here, never read.
CHOSEN = {
    ("Suspect", "state"): ("used", "freed", "freeing"),
    ("Finding", "severity"): ("damage", "note"),
    ("Place", "state"): ("used", "free", "outside"),
    ("WatchReport", "state"): ("off", "waiting", "watching", "written", "changed"),
    ("Request", "origin"): ("asked", "failed", "stopped"),
    ("Site", "class_"): ("grows", "once", "freed", "unknown"),
    ("UsageReport", "sections"): [(name,) for name in SECTIONS],
}
ALWAYS = {("Place", "heap"), ("TraceInfo", "address")}  # where the report has what they belong to
Text = Callable[[], str]
RANGES = ((0, 0x20), (0x20, 0x7F), (0x7F, 0xA0), (0xA0, 0x300), (0x2000, 0x2070), (0xD800, 0xE100), (0, 0x110000))


def some(random: Random) -> str:
    """Random code points, the dangerous ones oftener."""
    one = "".join(chr(random.randrange(*random.choice(RANGES))) for _ in range(random.randrange(1, 12)))
    return one + random.choice(HOSTILE)


def made(kind: Any, random: Random, text: Text) -> Any:
    """A value of a type, every text in it by `text`."""
    if kind is Said:
        return sentence(random, text)
    if isinstance(kind, type) and issubclass(kind, Record):
        return twin(kind, random, text)
    if typing.get_origin(kind) is typing.Union:
        inner = [one for one in typing.get_args(kind) if one is not type(None)]
        nothing = type(None) in typing.get_args(kind) and random.random() < 0.2
        return None if nothing else made(random.choice(inner), random, text)
    if typing.get_origin(kind) is tuple:
        return tuple(made(typing.get_args(kind)[0], random, text) for _ in range(random.randrange(1, 3)))
    numbers: dict[Any, Any] = {int: random.randrange(1 << 32), float: 0.5, bool: random.random() < 0.5}
    return numbers[kind] if kind in numbers else text()


def sentence(random: Random, text: Text, depth: int = 0) -> Said:
    """Any sentence, with whatever in its blanks; some are left out."""
    key, template = random.choice(list(templates().items()))
    names = [name for name, _ in BLANK.findall(template) if random.random() < 0.9]
    return Said(key, tuple((name, fact(random, text, depth)) for name in names))


def fact(random: Random, text: Text, depth: int) -> Fact:
    kind = random.randrange(7 if depth < 3 else 5)
    if kind == 5:
        return sentence(random, text, depth + 1)
    if kind == 6:
        return tuple(fact(random, text, depth + 1) for _ in range(random.randrange(3)))
    return (text(), None, 0.5, random.randrange(1 << 70), -random.randrange(1 << 40))[kind]


def twin(kind: type, random: Random, text: Text) -> Any:
    values = {}
    for name, hint in typing.get_type_hints(kind).items():
        if kind in typing.get_args(hint):  # a tree: deeper, or not
            values[name] = tuple(twin(kind, random, text) for _ in range(random.randrange(2)))
        else:
            values[name] = made(hint, random, text)
    for name in values:
        if (kind.__name__, name) in CHOSEN:
            values[name] = random.choice(CHOSEN[kind.__name__, name])
        if (kind.__name__, name) in ALWAYS:
            values[name] = random.randrange(1 << 32)
    return kind(**values)


def lines(command: Command, report: Any) -> str:
    text = told(report, command.text, Namespace(json=False, output=None, format=None))
    assert text is not None
    return text


COMMANDS = [command_named(name) for name, heading in headings() if heading.only != "in the shell"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_hostile_texts_make_no_line_and_no_escape(command: Command) -> None:
    for seed in range(60):
        plain = lines(command, twin(command.report, Random(seed), lambda: "x"))
        hostile = lines(command, twin(command.report, Random(seed), partial(some, Random(-1 - seed))))
        assert commanding(hostile) == []
        assert hostile.count("\n") == plain.count("\n")
        for width in (None, 80, 20):
            assert commanding(for_terminal(hostile, width, True), colours=True) == []
        assert hostile.encode("utf-8")


@pytest.mark.parametrize("text", ["main", "Grüße", "中文", "a\\b", "\U0001f600", ""])
def test_what_is_printable_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\r", "a\\x0ab\\x0d"),
        ("\x9b\x7f\xa0", "\\x9b\\x7f\\xa0"),
        ("\u202e\u2028\u200b", "\\u202e\\u2028\\u200b"),
        ("\udcff\ue000", "\\udcff\\ue000"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_what_is_not_is_spelled(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert encodable(shown, "ascii") == shown


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "\\xfc \\u4e2d"), ("latin-1", "ü \\u4e2d"), ("utf-8", "ü 中")]
)
def test_no_encoding_of_an_output_makes_it_fail(encoding: str, shown: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    put("ü 中", stream)
    assert raw.getvalue().decode(encoding) == shown + "\n"
