# SPDX-License-Identifier: Apache-2.0
"""The one place where sentences are made: from what was said, as facts, to plain English.

To add a sentence: add its template to the SENTENCES of its room, as `"key": "words with {blanks}"`. A blank takes

    {place:#x} {bytes:,}   a number as Python formats it
    {length:byte}          a number with its noun: 1 byte, 1,028 bytes
    {length:size}          a size with its unit: 287.9 KiB
    {why}                  another sentence, or a word as it is; ? where it is not known
    {parts:; }             several of these, with what stands between them (without it ", ")

Approach: templates are data. An allocator's stand in its folder, a reader's beside it, so that who adds one adds its
sentences with it. docs/reference/sentences.md lists all of them.
Rejected: str.format (a value that does not fit its format would end the report).
Cost: some microseconds a sentence, of which the rooms are loaded as far as it takes to find it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, Iterator, Mapping, Match

from gdbext.heap.registry import sentences_of
from gdbext.loading import load
from gdbext.model.said import Fact, Said, Text
from gdbext.report.numbers import counted, size_words

# What has sentences of its own besides the allocators' families.
ROOMS = (
    "report.sentences.analyse",
    "report.sentences.values",
    "report.sentences.roles",
    "report.sentences.commands",
    "report.sentences.targets",
    "report.sentences.profile",
    "report.sentences.decode",
    "report.sentences.console",
    "source.sentences",
    "heap.sentences",
    "trace.sentences",
    "kernel.sentences",
    "flash.sentences",
)
UNKNOWN = "?"
BLANK = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
_NOUN = re.compile(r"[a-z][a-z-]+( [a-z][a-z-]+)*")


def rooms() -> Iterator[Mapping[str, str]]:
    """The templates of every room. Those that a check of a heap is least likely to need, and that take the longest to
    load, come last.
    """
    yield from sentences_of(loaded=True)
    yield from (load(name, "SENTENCES") for name in ROOMS)
    yield from sentences_of(loaded=False)
    yield from (importer.sentences for importer in load("trace.importers", "importers")())


@lru_cache(maxsize=1)
def templates() -> Dict[str, str]:
    """Every template by its key."""
    return {key: template for room in rooms() for key, template in room.items()}


@lru_cache(maxsize=256)
def _template(key: str) -> str:
    """Returns a template. Loads no room behind the one that has it."""
    return next((room[key] for room in rooms() if key in room), key)


def words(text: Text) -> str:
    """What was said, in plain English. Whatever the values are, it makes words of them."""
    if isinstance(text, str):
        return text
    values = dict(text.values)

    def fill(blank: Match[str]) -> str:
        return _word(values.get(blank[1]), blank[2] or "")

    return BLANK.sub(fill, _template(text.key))


def _word(value: Fact, spec: str) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, Said):
        return words(value)
    if isinstance(value, tuple):
        return (spec or ", ").join(_word(one, "") for one in value)
    if isinstance(value, int) and spec == "size":
        return size_words(value)
    if isinstance(value, int) and _NOUN.fullmatch(spec):
        return counted(value, spec)
    try:
        return format(value, spec)
    except (ValueError, TypeError, OverflowError):
        return str(value)
