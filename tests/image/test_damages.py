# SPDX-License-Identifier: Apache-2.0
"""Seeded damage to clean heaps of every layout: verdict, place and the blocks that were not hit must be right.

The seeds are a sample; `tests.support.damages` says what is done. What no walk can decide is left out: behind a size
word that was overwritten, what is left of an older block may look like a block as much as the true one does. So blocks
may be missing in few cases, counted over all; a wrong verdict or place never.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.image.ask import check
from tests.image.subjects import subjects
from tests.support import damages, fixtures

SEEDS = range(1)
# One case in so many, and one more, may lack a block; between two damages no chain may lead to the end.
_RARE = 25
_MAY_LACK = {"two-at-once": 4}


def cases(kind: str) -> Iterator[tuple[str, list[str]]]:
    """What is wrong with the report of each seed and subject."""
    for subject in subjects():
        for seed in SEEDS:
            damage = damages.make(kind, subject, Random(f"{subject.name}/{kind}/{seed}"))
            if damage is not None:
                report = check(damage.images(subject), subject.option)
                yield f"{subject.name} {seed}", damages.problems(subject, damage, report)


def test_the_intact_heaps_are_clean() -> None:
    for subject in subjects():
        (heap,) = check(list(subject.images), subject.option)["heaps"]
        assert (subject.name, heap["status"], heap["findings"]) == (subject.name, "clean", [])
        listed = {(block["payload"], block["size"]) for block in heap["blocks"] if block["state"] == "used"}
        assert listed == {(block.payload, block.size) for block in subject.used}


NEAR_THE_END = [("a069", 1), ("a071", 1), ("a073", 1), ("a073", 2), ("a073", 3), ("a083", 2), ("a083", 3), ("a102", 1)]


@pytest.mark.parametrize(("case_id", "from_end"), NEAR_THE_END)
def test_a_cleared_header_is_no_end(case_id: str, from_end: int) -> None:
    """Where few blocks or none follow, a variable that leads to the true end tells, or the chain past the false one."""
    case = fixtures.case(case_id)
    region = case.images[0]
    images = [(image.base, bytearray(image.data)) for image in case.images]
    before = check([(base, bytes(data)) for base, data in images], case.heap.option)["heaps"][0]["blocks"]
    block = [one for one in before if region.base <= one["raw"] < region.base + region.length][-from_end]
    header = block["raw"] - case.heap.header_bytes - region.base
    images[0][1][header : header + case.heap.header_bytes] = bytes(case.heap.header_bytes)
    (heap,) = check([(base, bytes(data)) for base, data in images], case.heap.option)["heaps"]
    assert heap["status"] == "damaged"
    told = {finding["block"] for finding in heap["findings"]}
    assert block["raw"] in told
    used = [one for one in before if one["state"] == "used" and one is not block]
    assert [one for one in used if one not in heap["blocks"]] == []


@pytest.mark.parametrize("kind", damages.MAKERS)
def test_damage_is_told_as_it_is(kind: str) -> None:
    found = dict(cases(kind))
    wrong = {name: [text for text in problems if "block 0x" not in text] for name, problems in found.items()}
    assert {name: problems for name, problems in wrong.items() if problems} == {}
    missing = [name for name, problems in found.items() if problems]
    assert len(missing) <= _MAY_LACK.get(kind, 1) + len(found) // _RARE, missing
