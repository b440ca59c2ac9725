# SPDX-License-Identifier: Apache-2.0
"""Every sentence has a template, every template a sentence; and no room but report/ makes one."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdbext.model.said import Said, said
from gdbext.report.sentences import BLANK, rooms, templates, words
from tests.support.paths import ROOT

PACKAGE = ROOT / "gdbext"
FACTS_ONLY = ("heap", "analyse", "trace", "kernel")  # rooms that find facts
BELOW = (*FACTS_ONLY, "model", "source", "symbols")  # rooms that know nothing of reports
# What may be in English: an invariant of the table, what an option's address is of, progress for who waits, a name, a
# pattern of what others print.
DECLARED = {"Rule", "TraceRule", "_Heap4", "announce", "compile", "_row"}
INVARIANTS = {
    "MESSAGES",
    "PRINTED",
    "FREE_FLAG",
    "LIST_LINK",
    "END_MARKER",
    "_NEXT_BYTE",
    "KINDS",
    "SENTENCES",
}
NAMES = {"the allocator", "stack of task ", "frees only", "(unnamed task)"}
ENGLISH = re.compile(r"[a-z]{2,} [a-z]{2,}|\w [a-z]+ ")


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((PACKAGE / folder).rglob("*.py"))]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "said":
            yield node


def tellings(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The keys that a source says, with the names of their facts."""
    for call in calls(ast.parse(text)):
        assert len(call.args) == 1 and isinstance(call.args[0], ast.Constant), ast.dump(call)
        assert all(keyword.arg for keyword in call.keywords), ast.dump(call)
        yield str(call.args[0].value), frozenset(str(keyword.arg) for keyword in call.keywords)


def told() -> Counter[tuple[str, frozenset[str]]]:
    return Counter(one for path in PACKAGE.rglob("*.py") for one in tellings(path.read_text(encoding="utf-8")))


def test_each_sentence_has_a_template_with_its_facts_as_blanks() -> None:
    blanks = {key: frozenset(name for name, _ in BLANK.findall(template)) for key, template in templates().items()}
    assert {(key, names) for key, names in told() if blanks.get(key) != names} == set()


def test_each_template_is_said_somewhere() -> None:
    assert set(templates()) - {key for key, _ in told()} == set()


def test_no_key_stands_in_two_rooms() -> None:
    assert [key for key, rooms_of in Counter(key for room in rooms() for key in room).items() if rooms_of > 1] == []


def literals(tree: ast.Module) -> Iterator[ast.Constant]:
    """The texts of a source but for docstrings and declarations."""
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(node.value)
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in DECLARED:
            left_out |= set(ast.walk(node))
        if isinstance(node, ast.keyword) and node.arg == "kinds":  # what `--help` says of them
            left_out |= set(ast.walk(node))
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            declared = [getattr(target, "id", "") for target in targets]
            if node.value is not None and INVARIANTS & set(declared):
                left_out |= set(ast.walk(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in left_out:
            yield node


@pytest.mark.parametrize("path", sources(*FACTS_ONLY), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_english_is_made_where_facts_are_found(path: Path) -> None:
    if path.name == "sentences.py":
        return
    found = {str(node.value) for node in literals(ast.parse(path.read_text(encoding="utf-8")))}
    assert {text for text in found - NAMES if ENGLISH.search(text)} == set()


@pytest.mark.parametrize(
    "text", ['f"size word at {place:#x} is {word:#x}"', 'fault("not a size")', '_CUT = "its reading was interrupted"']
)
def test_english_is_found(text: str) -> None:
    found = [str(node.value) for node in literals(ast.parse(text))]
    assert any(map(ENGLISH.search, found))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_who_finds_facts_knows_nothing_of_reports() -> None:
    found = {(str(path.relative_to(ROOT)), name) for path in sources(*BELOW) for name in imported(path)}
    assert {(path, name) for path, name in found if name.startswith(("gdbext.report", "gdbext.commands"))} == set()


def test_a_blank_takes_numbers_nouns_sizes_and_sentences() -> None:
    inner = said("size-too-small", allocated=1)
    assert words(inner) == "less than the 1 byte of its allocation"
    assert words(said("size-word", place=0x10, stored=3, why=inner)).endswith(f" 0x00000003, {words(inner)}")
    assert words(said("stray-write", bytes=1028)) == "stray write of 1,028 bytes"
    assert words(said("records-mixed", addresses=2)).startswith("several records each of 2 addresses: ")
    assert words(said("hit", parts=(said("hit-all"), said("hit-none")))) == "every byte of it and none of its bytes"
    assert words("as it is") == "as it is"


@pytest.mark.parametrize("value", [None, "x{place}y", 0.5, -1, 1 << 200, (), (None, "a"), said("no such key", a=1)])
def test_whatever_stands_in_a_blank_there_are_words(value: object) -> None:
    for key, template in templates().items():
        names = [name for name, _ in BLANK.findall(template)]
        text = words(Said(key, tuple((name, value) for name in names)))  # type: ignore[misc]
        assert isinstance(text, str) and ("{place}" in text) == (bool(names) and value == "x{place}y")
        assert isinstance(words(Said(key)), str)
