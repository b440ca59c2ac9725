# SPDX-License-Identifier: Apache-2.0
"""What the overwritten size word of a block is said to be, in each byte order and width."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.docs.sentences.world import ask, changed, world
from tests.image.ask import check
from tests.image.subjects import subjects
from tests.support.damages import Held, Subject
from tests.support.signals import picture, sound
from tests.unit.kernel_world import kernel
from tests.unit.places_world import GREETING, PLAIN, STEP, TABLE, Program

FORMS = {"dynamic-big-endian", "static-25-levels", "plain-64-big-endian", "heap-4-64-protector", "heap-4-big-endian"}
SUBJECTS = [one for one in subjects() if one.name in FORMS]


def victim(subject: Subject) -> Held:
    """A used block in the middle, behind a used one."""
    used = [one for one in subject.used if (before := subject.before(one)) is not None and before.used]
    return used[len(used) // 2]


def finding(report: Any) -> Any:
    damage = [one for heap in report["heaps"] for one in heap["findings"] if one["severity"] == "damage"]
    return next(one for one in damage if one["explanations"])


def overwritten(subject: Subject, data: bytes) -> Any:
    """The first finding where the size word of a block has these bytes."""
    place, length = subject.size_place(victim(subject)), len(data)
    images = [(base, bytearray(image)) for base, image in subject.images]
    base, image = next((base, image) for base, image in images if base <= place < base + len(image))
    image[place - base : place - base + length] = data
    return finding(check([(base, bytes(image)) for base, image in images], subject.option))


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda one: one.name)
def test_a_size_word_that_is_text_is_named_as_such(subject: Subject) -> None:
    found = overwritten(subject, b"GET /api"[: subject.word])
    assert found["got_is"] == "text"
    assert "text" in found["extent"]["words"]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda one: one.name)
def test_a_size_word_with_one_wrong_bit_is_named_as_such(subject: Subject) -> None:
    place = subject.size_place(victim(subject))
    found = overwritten(subject, subject.packed(subject.get(place) ^ 1 << 9))
    assert found["got_is"] == "one-bit"
    (reading,) = found["readings"]
    assert reading["text_facts"] == {"sentence": "got-one-bit", "got": reading["value"], "bit": 9}


@pytest.mark.parametrize("number", [0x9184_F3A6, 0x0123_0006])
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda one: one.name)
def test_a_number_is_nothing_but_a_number(subject: Subject, number: int) -> None:
    found = overwritten(subject, subject.packed(number * (1 if subject.word == 4 else 0x11_2233_4457)))
    assert (found["got_is"], found["readings"]) == (None, [])


@pytest.mark.parametrize(("data", "got_is"), [(picture(Random(1)), "pixels"), (sound(0.1, 1), "samples")])
def test_what_a_draw_buffer_or_a_codec_leaves_is_seen(data: bytes, got_is: str) -> None:
    """Over the links and the bytes of a freed block, as a write after free does it."""
    subject = next(one for one in SUBJECTS if one.name == "static-25-levels")
    free = max(subject.free, key=lambda one: one.size)
    images = changed(subject.images, {free.raw: data[: free.size - 8]})
    found = finding(check(images, subject.option))
    assert found["got_is"] == got_is and found["readings"][0]["address"] in range(free.raw, free.raw + 8)


PLACED = {
    TABLE + 4: ("variable", "table+4"),
    GREETING: ("constant", "greeting"),
    STEP: ("function", "network_step"),
}


@pytest.mark.parametrize("value", PLACED)
def test_a_pointer_names_what_it_leads_to(value: int) -> None:
    """Whoever holds such a pointer may have written it."""
    images = [(image.base, image.data) for image in PLAIN.images]
    clean = ask(world(images, [PLAIN.heap.option]), "check", "--blocks", heap=PLAIN.heap.option)
    used = [one for one in clean.heaps[0].blocks if one.state == "used"]
    block = used[len(used) // 2]
    broken = [*changed(images, {block.raw - 4: value}), (TABLE, bytes(0x1000))]
    report = ask(world(broken, [PLAIN.heap.option], Program(kernel())), "check", heap=PLAIN.heap.option)
    found = next(one for one in report.heaps[0].findings if one.explanations)
    (reading,) = found.readings
    assert (found.got_is, reading.address, reading.value) == ("pointer", block.raw - 4, value)
    assert reading.spot is not None and (reading.spot.kind, reading.spot.name) == PLACED[value]
