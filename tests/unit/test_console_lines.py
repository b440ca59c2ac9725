# SPDX-License-Identifier: Apache-2.0
"""The search for words in a console's text: the engine's and Python's, and what comes line by line."""

from __future__ import annotations

import random
from itertools import chain

import pytest

from gdbext._engine import find_word as by_engine
from gdbext.console.words import WORDS
from gdbext.source.console_lines import ConsoleLines, RawLine, find_word

pytestmark = pytest.mark.quick

QUIET = b"I (1) sensor: reading 4\r\n"


def test_the_engine_finds_what_python_finds() -> None:
    chance = random.Random(8)
    for _ in range(2000):
        words = tuple(bytes(chance.choices(b"abc", k=chance.randint(2, 5))) for _ in range(chance.randint(1, 6)))
        text = bytes(chance.choices(b"abcd", k=chance.randint(0, 60)))
        start = chance.randint(0, 70)
        assert min(by_engine(text, start, words), len(text)) == find_word(text, start, words)


def test_words_that_cannot_be_searched_are_refused() -> None:
    for words in (("text",), (b"a",), tuple(b"%03d" % number for number in range(257))):
        with pytest.raises(ValueError, match="a word has 2 bytes or more"):
            by_engine(b"text", 0, words)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.decode())
def test_a_word_in_the_middle_of_a_large_text_is_seen(word: bytes) -> None:
    text = QUIET * 90_000 + b"E (2) " + word + b" \r\n" + QUIET * 90_000
    lines, whole, found = ConsoleLines(WORDS), b"", []
    pieces = [lines.add(text[start : start + (1 << 18)]) for start in range(0, len(text), 1 << 18)]
    for out in chain(*pieces, lines.finish()):
        whole += out.raw
        found += [out.number] if isinstance(out, RawLine) and word in out.raw else []
    assert whole == text
    assert found == [90_001]
