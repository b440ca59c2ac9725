# SPDX-License-Identifier: Apache-2.0
"""What memtrace makes of real damage: the likeliest explanation, and the culprit among the suspects.

The culprit is known from how the images were made; no trace helps here.
"""

from __future__ import annotations

import json
import struct
from argparse import Namespace
from collections.abc import Iterable
from typing import Any

import pytest

from gdbext.commands.check import COMMAND
from gdbext.report.json import to_json
from gdbext.target.addresses import number_of
from gdbext.target.files import image_target
from gdbext.target.formats import region_named
from tests.support import fixtures

BEST = {
    "a020": "overflow",
    "a022": "overflow",
    "a023": "overflow",
    "a024": "overflow",
    "a026": "underflow",
    "a028": "write-after-free",
    "a030": "write-after-free",
    "a033": "write-after-free",
    "a058": "double-free",
    "a075": "overflow",
    "a076": "overflow",
    "a082": "write-after-free",
    "a085": "overflow",
    "a086": "overflow",
    "a089": "write-after-free",
}


def check(images: Iterable[tuple[int, bytes]], option: str) -> Any:
    options = Namespace(heap=[option], pool=[], ring=None, blocks=True, search=None)
    target = image_target(list(images), [region_named(option, number_of)])
    return json.loads(to_json(COMMAND.run(target, options)))["heaps"][0]


def of_case(case_id: str) -> Any:
    case = fixtures.case(case_id)
    return check(((image.base, image.data) for image in case.images), case.heap.option)


@pytest.mark.parametrize(("case_id", "kind"), BEST.items())
def test_the_likeliest_is_what_was_done(case_id: str, kind: str) -> None:
    culprit = fixtures.case(case_id).truth.culprit
    assert culprit is not None
    best = of_case(case_id)["findings"][0]["explanations"][0]
    assert (best["kind"], best["payload"]) == (kind, culprit.payload)


CULPRITS = [
    case.id
    for case in fixtures.load_cases()
    if case.truth.status == "damaged" and case.truth.culprit and case.images[0].length < 1 << 20
]


@pytest.mark.parametrize("case_id", CULPRITS)
def test_the_culprit_is_among_the_suspects(case_id: str) -> None:
    """But where a stray pointer was the culprit's, nothing leads to it."""
    culprit = fixtures.case(case_id).truth.culprit
    assert culprit is not None
    suspects = [suspect["payload"] for finding in of_case(case_id)["findings"] for suspect in finding["suspects"]]
    assert culprit.payload in suspects


@pytest.mark.parametrize("case_id", ["a006", "a007", "a008"])
@pytest.mark.parametrize("word", [0x6E776F72, 0x580E, 0xFFFFFFFF])
def test_the_word_of_an_owner_is_damage_where_no_task_can_have_it(case_id: str, word: int) -> None:
    case = fixtures.case(case_id)
    blocks = [block for block in of_case(case_id)["blocks"] if block["state"] == "used"]
    block = blocks[len(blocks) // 2]
    place = {"a006": block["raw"] + 4, "a007": block["raw"] + 8, "a008": block["raw"]}[case_id]
    data = bytearray(case.images[0].data)
    struct.pack_into("<I", data, place - case.images[0].base, word)
    heap = check([(case.images[0].base, bytes(data))], case.heap.option)
    (finding,) = heap["findings"]
    assert (finding["rule"], finding["block"], finding["address"]) == ("owner-word", block["payload"], place)
    assert (finding["explanations"][0]["kind"], finding["suspects"][0]["payload"]) == ("underflow", block["payload"])


@pytest.mark.parametrize("case_id", ["a006", "a007", "a008"])
def test_a_block_may_have_no_owner(case_id: str) -> None:
    """It was allocated before there was a task; and the first, in 5.2.0, has what its user wrote."""
    case = fixtures.case(case_id)
    base, shift = case.images[0].base, {"a006": 4, "a007": 8, "a008": 0}[case_id]
    used = [block["raw"] for block in of_case(case_id)["blocks"] if block["state"] == "used"]
    first = min(block["raw"] for block in of_case(case_id)["blocks"])
    data = bytearray(case.images[0].data)
    struct.pack_into("<I", data, used[5] + shift - base, 0)
    if first in used:
        struct.pack_into("<I", data, first + shift - base, 0x580E)
    assert check([(base, bytes(data))], case.heap.option)["findings"] == []
