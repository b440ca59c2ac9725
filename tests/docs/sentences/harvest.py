# SPDX-License-Identifier: Apache-2.0
"""Takes the sentences out of what recipes return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gdbext.model.record import Record, fields_of
from gdbext.model.said import Fact, Said
from gdbext.report.sentences import words


class Example(NamedTuple):
    """The sentence in which a key appeared first, where in a report it stood, and the recipe that made it."""

    text: str
    where: str
    recipe: str


def told(value: Any, where: str = "") -> Iterator[tuple[str, Said]]:
    """The whole sentences in a value, with the field of a report that each stands in."""
    if isinstance(value, Said):
        yield where, value
    elif isinstance(value, Record):
        name = type(value).__name__
        for field in fields_of(type(value)):
            severity = f" ({vars(value)['severity']})" if name == "Finding" else ""
            yield from told(getattr(value, field), f"{name}.{field}{severity}")
    elif isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", [""] * len(value))
        for name, one in zip(names, value, strict=True):
            yield from told(one, f"{type(value).__name__}.{name}" if name else where)


def keys(fact: Fact) -> Iterator[str]:
    """The keys of a sentence and of those in it."""
    if isinstance(fact, Said):
        yield fact.key
        for _, value in fact.values:
            yield from keys(value)
    elif isinstance(fact, tuple):
        for one in fact:
            yield from keys(one)


def harvest(recipes: Mapping[str, Callable[[], Any]]) -> dict[str, Example]:
    """The example of each key."""
    found: dict[str, Example] = {}
    for name, recipe in recipes.items():
        for where, sentence in told(recipe()):
            for key in keys(sentence):
                found.setdefault(key, Example(words(sentence), where, name))
    return found
