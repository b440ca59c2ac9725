# SPDX-License-Identifier: Apache-2.0
"""Images with holes that fuzzing has found: each was once called damaged, for a guess about what is not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fuzz.subjects import subjects
from tests.image.ask import check, without

HOLED = (
    ("a004", "0x3fca0054-0x3fca032c 0x3fca151f-0x3fca1cf7 0x3fca2fee-0x3fca38a2 0x3fca3bee-0x3fca3f2c"),
    ("a004", "0x3fca0a39-0x3fca1e8a 0x3fca2397-0x3fca2a3b 0x3fca2cf6-0x3fca3044 0x3fca30d9-0x3fca39e1"),
    ("a006", "0x3c0a034c-0x3c0a06fa 0x3c0a0734-0x3c0a2201 0x3c0a353f-0x3c0a38c2 0x3c0a3e67-0x3c0a5e3e"),
    ("a006", "0x3c0a0451-0x3c0a240f 0x3c0a29ac-0x3c0a2c34 0x3c0a36b6-0x3c0a37b8 0x3c0a513d-0x3c0a5219"),
    ("a006", "0x3c0a04b9-0x3c0a19d4 0x3c0a1c44-0x3c0a386b 0x3c0a48d7-0x3c0a4b8c 0x3c0a4ebf-0x3c0a5339"),
    ("a006", "0x3c0a05b0-0x3c0a2998"),
    ("a008", "0x4ff404bc-0x4ff425fe"),
    ("a008", "0x4ff40ab3-0x4ff425d9 0x4ff43938-0x4ff43c7d 0x4ff4435f-0x4ff447e3 0x4ff45553-0x4ff459d2"),
    ("a008", "0x4ff4102e-0x4ff425ef 0x4ff43f6d-0x4ff44059 0x4ff4428c-0x4ff450ec 0x4ff45a89-0x4ff45eba"),
    ("a009", "0x3f81052d-0x3f81067f 0x3f811389-0x3f811f79 0x3f81218f-0x3f8126bc 0x3f813524-0x3f813c4d"),
    ("a009", "0x3f8111cd-0x3f811d10 0x3f811d47-0x3f812b53 0x3f812d1d-0x3f812dff 0x3f812fe5-0x3f81391d"),
    ("a010", "0x3fcc933e-0x3fcca19e 0x3fcca3e3-0x3fccb57b"),
    ("a013", "0x4ff402c3-0x4ff40a39 0x4ff423ae-0x4ff43583 0x4ff43675-0x4ff43998 0x4ff45036-0x4ff46bc0"),
    ("a015", "0x4ff40036-0x4ff4012c 0x4ff40b04-0x4ff41923"),
    ("a015", "0x4ff4003b-0x4ff4013c"),
    ("a060", "0x2000536d-0x2000573c 0x20005fbf-0x2000754a 0x200089be-0x2000933f 0x20009a28-0x20009c54"),
    ("a060", "0x20005ee3-0x2000754e 0x20007b2b-0x20008123"),
    ("a061", "0x24001f00-0x240069a2"),
    ("a062", "0x24000d40-0x24001987 0x24001b39-0x240025bc 0x24002ed9-0x24004dfe 0x24005996-0x24005f6b"),
    ("a068", "0x3c0a0109-0x3c0a0655 0x3c0a256d-0x3c0a72a4"),
    ("a068", "0x3c0a3f10-0x3c0a7013"),
    ("a069", "0x20001792-0x200019df 0x20001af4-0x20004839 0x20000010-0x200000ea"),
    (
        "a070",
        "0x20001479-0x200015ed 0x2000251d-0x200025d0 0x20004621-0x20004734 0x20004ccc-0x20004f56 0x20000069-0x200000df",
    ),
    (
        "a071",
        "0x8020105a-0x8020195b 0x80201db6-0x80201ee3 0x80201f3f-0x80203eca 0x80204013-0x80204f4f "
        "0x80200067-0x80200079 0x802000bf-0x8020012f 0x8020014e-0x8020016f 0x802001e8-0x802001e9",
    ),
    ("a071", "0x802035cc-0x80204ff2 0x80200096-0x802000d1"),
    ("a072", "0x2000113d-0x20002e68 0x2000001a-0x20000183"),
    (
        "a072",
        "0x200011af-0x2000177d 0x20001b48-0x20001f3e 0x20003201-0x200035cf 0x200042ac-0x20004ff5 "
        "0x2000000e-0x200000a6 0x20000128-0x200001ec",
    ),
    ("a072", "0x200011d7-0x20001251 0x20002bef-0x20004a13 0x20000008-0x2000006a 0x20000085-0x20000183"),
    (
        "a074",
        "0x200018b1-0x20001954 0x200019af-0x20001e11 0x20001f06-0x20001f8c 0x20003adc-0x20004cb9 "
        "0x20000049-0x20000126 0x20000176-0x200001d3",
    ),
    ("a083", "0x200126f8-0x20013000 0x30002fcd-0x30004000 0x200001ea-0x20000200"),
    (
        "a083",
        "0x20010113-0x2001019b 0x20010db5-0x20011226 0x20011252-0x2001173c 0x20011972-0x20011e77 "
        "0x300000d8-0x3000038d 0x30000ae2-0x30001d4a 0x2000000b-0x20000096 0x2000010b-0x200001ed",
    ),
    (
        "a083",
        "0x20010418-0x20011213 0x30002d01-0x30003ffa 0x20000093-0x2000009d 0x200000d2-0x2000010a "
        "0x20000118-0x200001b4 0x200001c8-0x200001d2",
    ),
    ("a084", "0x80210130-0x80212908 0x80212a18-0x80212cba 0x8020003a-0x802000ad 0x80200162-0x802001ba"),
    (
        "a084",
        "0x8021013c-0x80210bbf 0x802110f9-0x802113e0 0x80211fa5-0x802120fa 0x80212337-0x80213c47 0x8020008a-0x802000a0",
    ),
    (
        "a084",
        "0x80210147-0x80212713 0x80200031-0x80200048 0x80200097-0x8020009f 0x802000c0-0x8020013d 0x80200147-0x802001fc",
    ),
)
SUBJECTS = {subject.name: subject for subject in subjects()}


def holed(name: str, holes: str) -> Any:
    """The report of a clean heap without some of its bytes."""
    ranges = list(SUBJECTS[name].ranges)
    for hole in holes.split():
        low, high = (int(word, 16) for word in hole.split("-"))
        ranges = without(ranges, (low, high))
    return check(ranges, SUBJECTS[name].heap)["heaps"][0]


@pytest.mark.parametrize(("name", "holes"), HOLED)
def test_what_is_not_there_is_no_damage(name: str, holes: str) -> None:
    heap = holed(name, holes)
    assert [finding["text"] for finding in heap["findings"] if finding["severity"] == "damage"] == []
    assert heap["status"] in ("clean", "unreadable")


@pytest.mark.parametrize(
    ("name", "hole", "excuse"),
    [
        ("a008", "0x4ff419b2-0x4ff425d7", "a guess: the bytes in front of this block are missing"),
        ("a013", "0x4ff402c3-0x4ff40a39", "a guess: a part of the control block is missing"),
    ],
)
def test_what_may_be_a_guess_is_told_as_one(name: str, hole: str, excuse: str) -> None:
    notes = [finding for finding in holed(name, hole)["findings"] if finding["severity"] == "note"]
    assert notes and all(finding["text"].endswith(f"({excuse})") for finding in notes)
    assert all(not finding["suspects"] and not finding["explanations"] for finding in notes)
