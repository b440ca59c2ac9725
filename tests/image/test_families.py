# SPDX-License-Identifier: Apache-2.0
"""A heap of every family, intact and damaged in every way: verdict and place are right, and mostly who did it.

The seeds are a sample; `make bench ARGS=families` takes some hundred others.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.image.ask import check, without
from tests.support.made import DAMAGES, damaged, judged, makers

SEEDS = range(3)
_RARE = 10  # of so many damages that show who did it, one, and one more, may have another block named first


@pytest.mark.parametrize("family", makers())
def test_an_intact_heap_is_clean_and_its_blocks_are_listed(family: str) -> None:
    for seed in SEEDS:
        made = makers()[family](Random(f"{family}/{seed}"))
        verdict = judged(made, None, check(list(made.images), made.option))
        assert (seed, verdict.status, verdict.lost) == (seed, True, 0), verdict.told


@pytest.mark.parametrize("family", makers())
def test_damage_is_told_as_it_is(family: str) -> None:
    named, wrong = [], []
    for seed in SEEDS:
        made = makers()[family](Random(f"{family}/{seed}"))
        for what in DAMAGES:
            damage = damaged(made, what, Random(f"{family}/{what}/{seed}"))
            verdict = judged(made, damage, check(damage.images(made), made.option))
            named += [verdict.culprit] if verdict.culprit is not None else []
            if not (verdict.status and verdict.place):
                wrong.append(f"{what} {seed} at {damage.address:#x}: {verdict.told}")
    assert wrong == []
    assert named and named.count(False) <= 1 + len(named) // _RARE


@pytest.mark.parametrize("family", makers())
def test_what_is_missing_is_no_damage(family: str) -> None:
    """An image that ends within the heap, or lacks a part of it."""
    alarms = []
    for seed in SEEDS:
        made = makers()[family](Random(f"{family}/missing/{seed}"))
        rng, high = Random(f"{family}/missing/{seed}"), made.blocks[-1].end
        for length in (4, 64, 1024, 1 << 20, 1 << 20):
            start = rng.randrange(made.blocks[0].raw, high) & -4
            parts = without(list(made.images), (start, start + length))
            found = check(parts, made.option)["heaps"][0]["findings"]
            alarms += [(seed, start, length, one["text"]) for one in found if one["severity"] == "damage"]
    assert alarms == []
