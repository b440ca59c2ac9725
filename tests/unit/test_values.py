# SPDX-License-Identifier: Apache-2.0
"""What a word is: the same in both byte orders and widths, and nothing absurd."""

from __future__ import annotations

from random import Random

import pytest

from gdbext.analyse.looks import counting, look_of
from gdbext.analyse.values import HEAD, TAIL, Word, read_word, value_of
from gdbext.collect.places import Places
from gdbext.model.memory import Spot
from gdbext.model.said import said
from gdbext.report.sentences import words
from gdbext.source.snapshot import ByteOrder
from tests.support import fixtures
from tests.support.signals import picture, sound
from tests.unit.places_world import KINDS, STEP, collected, pointer_to

ORDERS: tuple[ByteOrder, ...] = ("little", "big")
SPOT = Spot("variable", said("spot-variable", name="table"), "table", offset=0)


def word_of(data: bytes, order: ByteOrder) -> Word:
    return Word(int.from_bytes(data, order), len(data), order)


@pytest.mark.parametrize("order", ORDERS)
def test_text_is_read_in_memory_order(order: ByteOrder) -> None:
    for data, text in ((b"ces ", "ces "), (b"abc\0", "abc\\0"), (b"\r\nOK", "\\r\\nOK"), (b"GET /api", "GET /api")):
        value = value_of(word_of(data, order))
        assert (value.got_is, words(value.words).partition(" is ")[2]) == ("text", f"the text '{text}'")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("data", [b"ab\0\0", b"\0\0\0a", b"a\0b\0", b"abc\x80", b"abcd\0\0\0\x01"])
def test_what_is_not_text_from_end_to_end_is_none(data: bytes, order: ByteOrder) -> None:
    assert value_of(word_of(data, order)).got_is != "text"


@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize("order", ORDERS)
def test_fills_are_known_in_each_width(order: ByteOrder, width: int) -> None:
    for pattern, key in ((0xDEADBEEF, "fill-never-used"), (0xA5A5A5A5, "fill-stack"), (0xFEFEFEFE, "fill-freed")):
        value = value_of(word_of(pattern.to_bytes(4, order) * (width // 4), order))
        assert value.got_is == "fill" and value.what == said(key)
    zeros = value_of(word_of(bytes(width), order))
    assert zeros.what == said("is-zeros")


def test_a_byte_of_text_that_is_repeated_is_a_fill() -> None:
    assert words(value_of(Word(0x5858_5858)).words) == "0x58585858 is byte 0x58 = 'X' repeated"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("mark", [HEAD, TAIL])
def test_of_a_mark_what_is_left_tells_the_side(mark: int, order: ByteOrder) -> None:
    data = mark.to_bytes(4, order)
    assert value_of(word_of(b"\0" + data[1:], order), mark).got_is == "zero-byte"
    start, end = (
        value_of(word_of(b"\x07\x09" + data[2:], order), mark),
        value_of(word_of(data[:2] + b"\7\7", order), mark),
    )
    assert (start.by, start.from_end, end.by, end.from_end) == (2, False, None, True)
    assert value_of(Word(mark ^ 0x400, 4, order), mark).got_is == "one-bit"


@pytest.mark.parametrize("number", [1, 4, 12, 128, 1000, 4095, 4096, 0x8000, 0xFFFF])
def test_small_numbers_are_no_pointers(number: int) -> None:
    """Chips have a table of vectors at 0."""
    inside = Spot("function", said("spot-function", name="vectors+4"), "vectors+4", offset=4)
    value = value_of(Word(number), None, lambda _: inside)
    assert (value.got_is, value.is_small) == (None, True)


def test_a_variable_that_begins_there_is_no_chance() -> None:
    """Whatever its address looks like."""
    for address in (0x2073_6563, 0x2000_0003, 0x1234):
        assert value_of(Word(address), None, lambda _: SPOT).got_is == "pointer"


def test_text_comes_before_a_pointer_that_only_fits() -> None:
    inside = Spot("memory", said("spot-memory"))
    assert value_of(Word(0x2073_6563), None, lambda _: inside).got_is == "text"
    assert value_of(Word(0x3FFB_1E22), None, lambda _: inside).got_is is None
    assert value_of(Word(0x3FFB_1E20), None, lambda _: inside).got_is == "pointer"


@pytest.mark.parametrize("kind", KINDS)
def test_every_place_is_named(kind: str) -> None:
    spot = Places(collected()).at(pointer_to(kind))
    assert spot is not None
    assert spot.kind == {"inside": "block", "inside-freed": "freed"}.get(kind, kind)
    assert (kind in ("block", "freed", "constant", "function")) == spot.is_start


def test_no_memory_is_nowhere() -> None:
    assert Places(collected()).at(0x9000_0000) is None


def test_code_is_less_aligned() -> None:
    value = read_word(Word(STEP + 2), Places(collected()).at)
    assert value is not None and words(value.words).endswith("is a pointer to the function network_step+2")


@pytest.mark.parametrize("step", [0.03, 0.1, 0.2])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_is_seen(step: float, channels: int) -> None:
    look = look_of(sound(step, channels), 0, "little", True, 4)
    assert look is not None and look.got_is == "samples"


@pytest.mark.parametrize("seed", range(5))
def test_pixels_are_seen(seed: int) -> None:
    look = look_of(picture(Random(seed)), 0, "little", False, 4)
    assert look is not None and look.got_is == "pixels"


def test_words_that_count_are_seen() -> None:
    for order in ORDERS:
        look = counting(b"".join(n.to_bytes(8, order) for n in range(1000, 1020, 4)), 0, 8, order)
        assert look is not None and dict(look.words.values) == {"count": 40, "start": 0, "step": 4}
    assert counting(bytes(64), 0, 4, "little") is None


def plain_memory() -> list[bytes]:
    """What heaps hold: the images of all fixtures, and noise, text, small numbers, pointers, fills."""
    rng = Random(5)
    made = [rng.randbytes(1 << 14), b"the quick brown fox jumps over the lazy dog\n" * 90]
    made += [b"".join(rng.randrange(300).to_bytes(4, "little") for _ in range(4000))]
    made += [b"".join((0x3FFB_0000 + 4 * rng.randrange(5000)).to_bytes(4, "little") for _ in range(4000))]
    made += [bytes([byte]) * 4096 for byte in (0, 0xA5, 0xFF, 0xCE)]
    return made + [image.data for case in fixtures.load_cases() for image in case.images if image.length < 45_000]


def test_nothing_else_looks_like_pixels_or_sound() -> None:
    """At each place of it, as damage may stand anywhere."""
    wrong = tried = 0
    for data in plain_memory():
        for start in range(0, len(data) - 1024, 256):
            tried += 1
            wrong += look_of(data[start : start + 1024], start, "little", True, 4) is not None
    assert tried > 3000 and wrong == 0
