# SPDX-License-Identifier: Apache-2.0
"""Heaps of every family that no test has seen: damaged ones found, false alarms, who is named first.

The seed of the day can be given: `FAMILIES_SEED=... make bench ARGS=families`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from random import Random

from tests.image.ask import check
from tests.support.bench import Row
from tests.support.made import DAMAGES, Verdict, damaged, judged, makers

_HEAPS = 6  # of each family: with the damages to each, 48 images
_SEED = os.environ.get("FAMILIES_SEED", "bench")


def rows() -> Iterable[Row]:
    """Each family, then all of them."""
    every: list[tuple[bool, Verdict]] = []
    for family, make in makers().items():
        told: list[tuple[bool, Verdict]] = []
        for number in range(_HEAPS):
            made = make(Random(f"{_SEED}/{family}/{number}"))
            told.append((False, judged(made, None, check(list(made.images), made.option))))
            for what in DAMAGES:
                damage = damaged(made, what, Random(f"{_SEED}/{family}/{what}/{number}"))
                verdict = judged(made, damage, check(damage.images(made), made.option))
                told.append((damage.is_damage(made), verdict))
        every += told
        yield from _rows(family, told)
    yield from _rows("all families", every)


def _rows(name: str, told: list[tuple[bool, Verdict]]) -> Iterable[Row]:
    broken = [verdict for is_damage, verdict in told if is_damage]
    missed = sum(not (verdict.status and verdict.place) for verdict in broken)
    alarms = sum(not verdict.status for is_damage, verdict in told if not is_damage)
    named = [verdict.culprit for verdict in broken if verdict.culprit is not None]
    lost = sum(verdict.lost for _, verdict in told)
    note = f"of {len(broken)} damaged; {len(told) - len(broken)} intact; {lost} blocks not listed"
    yield Row(f"{name}: damage not found", missed, 0, "", note)
    yield Row(f"{name}: false alarms", alarms, 0, "", f"of {len(told) - len(broken)}")
    yield Row(f"{name}: culprit not first", 1 - sum(named) / max(1, len(named)), 0.05, "", f"of {len(named)}")
