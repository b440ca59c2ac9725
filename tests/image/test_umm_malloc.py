# SPDX-License-Identifier: Apache-2.0
"""A heap of umm_malloc, byte by byte, every form of it, and what is no damage."""

from __future__ import annotations

from random import Random

import pytest

from tests.image.ask import check, places, search
from tests.support.made import DAMAGES, damaged, judged
from tests.support.makers.umm_malloc import FORMS, Form, make_with

# Written by hand from umm_malloc.c: 8 blocks of 8 bytes.
HEAP = bytes.fromhex(
    "0100" "0000" "0300" "0300"  # block 0: leads to 1; the list has block 3 alone
    "0300" "0000" "61616161" "6161616161616161"  # block 1: leads to 3, used; 12 bytes
    "0580" "0100" "0000" "0000" "0000000000000000"  # block 3: leads to 5, free; no other one on the list
    "0700" "0300" "62626262" "6262626262626262"  # block 5: leads to 7, used; 12 bytes
    "0000" "0500" "00000000"  # block 7: the end
)  # fmt: skip
BASE = 0x3FFE_8000
AT = f"umm_malloc@{BASE:#x}"


def report(data: bytes) -> dict[str, object]:
    heap = check([(BASE, data)], AT)["heaps"][0]
    assert isinstance(heap, dict)
    return heap


def test_bytes_by_hand() -> None:
    heap = report(HEAP)
    assert (heap["status"], heap["start"], heap["end"]) == ("clean", BASE, BASE + len(HEAP))
    assert [(block["payload"], block["size"], block["state"]) for block in heap["blocks"]] == [
        (BASE + 12, 12, "used"), (BASE + 28, 12, "free"), (BASE + 44, 12, "used"),
    ]  # fmt: skip


def test_an_overflow_by_hand() -> None:
    """Block 1's user writes 18 bytes: the header and the first link of block 3 are gone."""
    heap = report(HEAP[:12] + b"A" * 18 + HEAP[30:])
    assert heap["status"] == "damaged"
    first = heap["findings"][0]
    assert (first["rule"], first["block"], first["address"]) == ("block-next", BASE + 28, BASE + 24)
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("overflow", BASE + 12)


def test_an_integrity_check_that_runs_is_told() -> None:
    """umm_integrity_check marks free blocks in their prev numbers, and takes the marks away again."""
    heap = report(HEAP[:27] + b"\x80" + HEAP[28:])
    (finding,) = heap["findings"]
    assert finding["rule"] == "block-before" and "umm_integrity_check" in finding["text"]


def test_blocks_without_poison_beside_poisoned_ones_are_legal() -> None:
    """A program may call umm_malloc beside umm_poison_malloc."""
    made = make_with(Random(1), Form(length=2))
    ((base, data),) = made.images
    mixed = bytearray(data)
    for block in [block for block in made.blocks if block.used][::2]:
        mixed[block.raw - base : block.end - base] = bytes(block.size)
    assert check([(base, bytes(mixed))], made.option)["heaps"][0]["status"] == "clean"


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_every_form(form: Form) -> None:
    """Block size, poison and byte order are recognised, by name and by block 0, and damage is told as it is."""
    made = make_with(Random(repr(form)), form)
    heap = check(list(made.images), made.option)
    assert judged(made, None, heap).status
    requested = {
        block["payload"]: block["requested"] for block in heap["heaps"][0]["blocks"] if block["state"] == "used"
    }
    assert requested == {block.user: block.requested for block in made.blocks if block.used}
    assert places(search(made.images, 4, form.order)) == {("umm_malloc", made.address)}
    for what in DAMAGES:
        damage = damaged(made, what, Random(f"{form}/{what}"))
        verdict = judged(made, damage, check(damage.images(made), made.option))
        assert (what, verdict.status, verdict.place) == (what, True, True), verdict.told


def test_small_numbers_are_no_heap() -> None:
    """Memory full of 0 and 1 has many places that look like a block 0."""
    rng = Random(9)
    assert places(search([(BASE, bytes(rng.choice((0, 0, 0, 1)) for _ in range(1 << 16)))])) == set()


def test_an_overflow_counts_from_what_the_user_has() -> None:
    """A text from the user's pointer on, over the poison behind it, into the next block's header."""
    made = make_with(Random(5), Form(length=2))
    ((base, data),) = made.images
    pairs = [(one, after) for one, after in zip(made.blocks, made.blocks[1:], strict=False) if one.used and after.used]
    one, after = next(pair for pair in pairs if pair[1].raw - pair[0].end == 4)
    length = after.user + 1 - one.user
    assert one.requested is not None
    text = (b"GET /index.html?id=405 " * 40)[:length]
    written = data[: one.user - base] + text + b"\xff" + data[one.user - base + length + 1 :]
    (finding, *_), past = check([(base, written)], made.option)["heaps"][0]["findings"], length - one.requested
    best = finding["explanations"][0]
    assert best["text_facts"] == {"sentence": "overflow-by", "block": one.user, "past": past}
    assert [fact["sentence"] for fact in best["evidence_facts"]] == ["run-from-start"]
    assert best["evidence_facts"][0]["past"] == past
    hit = {suspect["payload"]: suspect["why"] for suspect in finding["suspects"]}
    behind = one.end - one.user - one.requested
    assert hit[one.user].startswith(f"every byte of it and what stands behind it ({behind} bytes)")
    assert "what stands in front of it (6 bytes) and 1 byte from offset 0" in hit[after.user]
