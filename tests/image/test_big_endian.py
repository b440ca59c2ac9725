# SPDX-License-Identifier: Apache-2.0
"""The heap images of a 32-bit machine as a big-endian one would have written them: the same findings, blocks, totals.

A heap's structures are words, so an image with the bytes of each word reversed is the same heap in the other order. In
a used poisoned block what stands behind the head stays as it is but for the tail, which may lie across words. Where in
a damaged word the first wrong byte stands is another place then: places are compared by word, those of a tail not at
all. (Rings in both orders: tests/unit/test_ring.py.)
"""

from __future__ import annotations

import array
import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gdbext.faces.shell import main
from tests.support.fixtures import Block, Case, Image, load_cases

CASES = [case for case in load_cases() if (case.byte_order, case.pointer_size) == ("little", 4)]


def reversed_words(image: Image, poisoned: Sequence[Block]) -> bytes:
    """The image with each word's bytes reversed, poisoned blocks as the docstring says."""
    words = array.array("I", image.data[: len(image.data) // 4 * 4])
    words.byteswap()
    data = bytearray(words.tobytes())
    for block in poisoned:
        start, tail, end = (place - image.base for place in (block.payload, tail_of(block), block.raw + block.size))
        if start >= 0 and end <= len(data):
            data[start:end] = image.data[start:end]
            data[tail : tail + 4] = image.data[tail : tail + 4][::-1]
    return bytes(data)


def tail_of(block: Block) -> int:
    """Where the canary behind a block stands."""
    return block.payload + block.requested


def check(case: Case, folder: Path, *, big: bool) -> dict[str, Any]:
    """`memtrace check --json` on a case's images, in their own order or the other."""
    poisoned = case.truth.blocks if case.poisoning != "none" else ()
    words = ["check", "--json", "--blocks", *(f"--heap={heap.option}" for heap in (case.heap, *case.more_heaps))]
    for number, image in enumerate(case.images):
        file = folder / f"{number}-{big}"
        file.write_bytes(reversed_words(image, poisoned) if big else image.data)
        words.append(f"--image={image.base:#x}={file}")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        main(words)
    report = json.loads(printed.getvalue())
    assert isinstance(report, dict)
    return report


def by_word(finding: dict[str, Any]) -> tuple[object, ...]:
    """What is found, and in which word."""
    place = None if finding["rule"] == "poison-tail" else (finding["address"] or 0) & ~3
    return finding["rule"], finding["severity"], finding["group"], finding["block"], place


FACTS = (
    "kind layout address start end status poisoning used_blocks free_blocks used_bytes free_bytes largest_free".split()
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}-{case.damage_kind}")
def test_the_other_byte_order_tells_the_same(case: Case, tmp_path: Path) -> None:
    little, big = (check(case, tmp_path, big=big) for big in (False, True))
    for one, other in zip(little["heaps"], big["heaps"], strict=True):
        assert {name: other[name] for name in FACTS} == {name: one[name] for name in FACTS}
        assert other["blocks"] == one["blocks"]
        assert [by_word(finding) for finding in other["findings"]] == [by_word(finding) for finding in one["findings"]]
        assert other["gaps"] == one["gaps"] and other["resumed"] == one["resumed"]


def test_the_cases_are_there() -> None:
    assert len(CASES) > 90
