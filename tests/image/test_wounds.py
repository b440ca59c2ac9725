# SPDX-License-Identifier: Apache-2.0
"""Clean heaps of every layout, wounded at random: damage is seen and placed, what is no damage is not."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import Counter
from functools import cache
from random import Random
from typing import Any

import pytest

from gdbext.commands.check import run_check
from gdbext.commands.cli import ImageHost
from gdbext.report.as_json import to_json
from tests.support import fixtures
from tests.support.fixtures import Case, load_cases
from tests.support.wounds import Patient, Wound, wound

CASES = [
    case
    for case in load_cases()
    if case.truth.status == "clean" and not case.truth.incomplete and not case.truth.undecidable
]
ROUNDS = 14


def check(case: Case, images: list[tuple[int, bytes]]) -> dict[str, Any]:
    """The first heap of `memtrace check --json --blocks`."""
    option = case.heap.option
    report = run_check(ImageHost(images, [option]), Namespace(heap=[option], ring=None, search=None, blocks=True))
    heap = json.loads(to_json(report))["heaps"][0]
    assert isinstance(heap, dict)
    return heap


@cache
def outcomes(case_id: str) -> list[tuple[Patient, Wound, dict[str, Any]]]:
    """Wounds of a case and what was said of each."""
    case = fixtures.case(case_id)
    images = [(image.base, image.data) for image in case.images]
    patient = Patient(case, check(case, images)["blocks"])
    made = (wound(patient, Random(f"{case.id} {seed}")) for seed in range(ROUNDS))
    return [(patient, one, check(case, patient.wounded(one))) for one in made if one is not None]


def named(heap: dict[str, Any]) -> set[int]:
    """Every block that the damage is said to be about."""
    damage = [finding for finding in heap["findings"] if finding["severity"] == "damage"]
    suspects = (suspect["payload"] for finding in damage for suspect in finding["suspects"])
    return {*suspects, *(finding["block"] for finding in damage)}


def placed(patient: Patient, one: Wound, heap: dict[str, Any]) -> bool:
    """Whether a finding names a block of the wound, or its place."""
    near = [patient.blocks[position] for position in one.blocks if position < len(patient.blocks)]
    here = range(one.address - 16, one.address + len(one.data) + 16)
    payloads = {block[name] for block in near for name in ("raw", "payload")}
    return bool(named(heap) & payloads) or any(finding["address"] in here for finding in heap["findings"])


def lost(patient: Patient, one: Wound, heap: dict[str, Any]) -> list[int]:
    """Used blocks away from the wound that are not listed as they were."""
    listed = {(block["raw"], block["payload"], block["size"]) for block in heap["blocks"] if block["state"] == "used"}
    away = (patient.blocks[position] for position in patient.used if position not in one.blocks)
    return [block["raw"] for block in away if (block["raw"], block["payload"], block["size"]) not in listed]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}-{case.layout}-{case.poisoning}")
def test_damage_is_seen_and_placed_and_nothing_else_is(case: Case) -> None:
    for patient, one, heap in outcomes(case.id):
        assert heap["status"] == one.status, one
        assert one.status == "clean" or placed(patient, one, heap), one


def test_blocks_away_from_the_wound_are_listed() -> None:
    """Bytes can look like two chains of headers at once: in a few of a hundred cases the wrong one is followed."""
    wrong = Counter(bool(lost(*outcome)) for case in CASES for outcome in outcomes(case.id))
    assert wrong[False] > 200
    assert wrong[True] <= wrong[False] // 50


def test_every_kind_of_wound_was_tried() -> None:
    kinds = Counter(one.kind for case in CASES for _, one, _ in outcomes(case.id))
    assert len(kinds) == 8
    assert min(kinds.values()) >= 5
