# SPDX-License-Identifier: Apache-2.0
"""NuttX's default heaps: by hand-checked bytes, by NuttX's symbols, in bare memory; and never mistaken for its TLSF."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import pytest

from tests.docs.sentences.world import Symbols, ask, world
from tests.image.ask import check, places, search
from tests.image.proofs.nuttx_mm import PLACE, sound, used
from tests.support.made import judged
from tests.support.makers.nuttx_mm import make
from tests.support.nuttx_image import STATICS, NuttX
from tests.support.nuttx_mm_image import FORMS, NuttxMm, load

BASE = 0x2000_0000
STRUCT = struct.pack("<4I", 0, 0x80, BASE + 0x200, BASE + 0x278)  # mm_lock, mm_heapsize, mm_heapstart, mm_heapend
# 19 heads {preceding, size, flink, blink}, each leading to the next; list 1 has the node at 0x220.
HEADS = [[0, 0, BASE + 0x20 + 16 * n, BASE + 16 * n] for n in range(19)]
HEADS[0][3] = HEADS[18][2] = 0
HEADS[1][2] = HEADS[2][3] = BASE + 0x220
NODES = bytes.fromhex(
    "deadbeef 09000000"  # 0x200: the guard: preceding is old memory, size 8 | 1 used
    "deadbeef 19000000"  # 0x208: size 24 | 1 used; the node before is used, so preceding is old memory
    "61626364 61626364 61626364 61626364"  # 0x210: the user's, of which
    "61626364 20000000"  # 0x220: the first 4 bytes here are the last of them; size 32, free
    "30000020 20000020"  # 0x228: flink to head 2, blink to head 1
    "00000000 00000000 00000000 00000000"  # the rest of the free node
    "20000000 3b000000"  # 0x240: preceding 32, valid; size 56 | 1 used | 2 the node before is free
    + "7a7a7a7a" * 12  # 0x248: the user's
    + "7a7a7a7a 09000000"  # 0x278: 4 more of them; the guard at the end: size 8 | 1 used
)
HAND = STRUCT + b"".join(struct.pack("<4I", *head) for head in HEADS) + bytes(0xC0) + NODES


def test_no_list_needs_to_lie_between_two_empty_ones() -> None:
    """Of the 12 lists of MM_SMALL, each empty one may have a list with nodes in front of it."""
    made = make(Random("y/nuttx_mm/30"))
    verdict = judged(made, None, check(list(made.images), made.option))
    assert (verdict.status, verdict.lost) == (True, 0), verdict.told
    assert [region.kind for region in search(made.images).regions] == ["nuttx_mm"]


def by_symbols(heap: NuttxMm, root: int, top: int = PLACE) -> Any:
    statics = b"".join(value.to_bytes(heap.form.word, "little") for value in (root, top))
    program = Symbols(g_mmheap=(STATICS, 4), g_idle_topstack=(STATICS + heap.form.word, 4))
    return ask(world([*heap.images(), (STATICS, statics)], program=program), "check", "--blocks")


def test_hand_checked_bytes() -> None:
    (heap,) = check([(BASE, HAND)], f"nuttx_mm@{BASE:#x}")["heaps"]
    assert (heap["status"], heap["layout"], heap["findings"]) == ("clean", "nuttx-now-32", [])
    blocks = [(block["payload"] - BASE, block["size"], block["state"]) for block in heap["blocks"]]
    assert blocks == [(0x210, 20, "used"), (0x228, 28, "free"), (0x248, 52, "used")]


def test_hand_checked_bytes_overwritten() -> None:
    """A text runs from the first block over the size and the links of the free node behind it."""
    data = HAND[:0x210] + b"GET /index.html HTTP/1.1\r\n\r\n" + HAND[0x210 + 28 :]
    (heap,) = check([(BASE, data)], f"nuttx_mm@{BASE:#x}")["heaps"]
    first = heap["findings"][0]
    assert (heap["status"], first["rule"], first["block"]) == ("damaged", "block-size", BASE + 0x228)
    assert first["explanations"][0]["kind"] == "overflow"
    assert first["explanations"][0]["payload"] == BASE + 0x210


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_walked(name: str) -> None:
    form = FORMS[name]
    heap = NuttxMm(form, PLACE, [(PLACE + 0x2000, 16000), (PLACE + 0x8000, 6000)], 3, 5, Random(name))
    load(heap, Random(name), 250)
    (report,) = check(heap.images(), f"nuttx_mm@{PLACE:#x}")["heaps"]
    assert (report["status"], report["findings"]) == ("clean", [])
    assert report["layout"] == f"nuttx-{form.generation}-{8 * form.size}"
    listed = [(block["payload"], block["size"], block["state"] == "used") for block in report["blocks"]]
    assert listed == [(block.user, block.size, block.used) for block in heap.blocks()]


@pytest.mark.parametrize("name", FORMS)
def test_a_heap_shows_itself_in_bare_memory(name: str) -> None:
    form = FORMS[name]
    heap = NuttxMm(form, PLACE, [(PLACE + 0x2000, 16000)], 1, 5, Random(name))
    load(heap, Random(name), 60)
    images = [*heap.images(), (0x3000_0000, Random(1).randbytes(1 << 14) + bytes(1 << 14))]
    assert places(search(images, form.word)) == {("nuttx_mm", heap.total_at)}


@pytest.mark.parametrize(("name", "is_struct"), [("9.1", True), ("10.3 debug", False), ("12.6", False)])
def test_symbols_lead_to_the_struct_or_to_a_pointer_to_it(name: str, is_struct: bool) -> None:
    heap = sound(name)
    report = by_symbols(heap, PLACE)
    if is_struct:  # up to 9.1 the variable is the struct
        program = Symbols(g_mmheap=(PLACE, heap.end - PLACE))
        report = ask(world(heap.images(), program=program), "check", "--blocks")
    (found,) = report.heaps
    assert (found.kind, found.address, found.status) == ("nuttx_mm", PLACE, "clean")
    assert not [skip for skip in report.skipped if skip.check == "heaps"]


def test_a_wrong_pointer_is_damage_of_the_heap_where_memory_begins() -> None:
    (found,) = by_symbols(sound(), 0x4141_4141).heaps
    assert [(one.rule, one.address) for one in found.findings] == [("root-pointer", STATICS)]


def test_nuttx_with_its_tlsf_has_no_heads() -> None:
    nuttx = NuttX([(64, True), (320, False), (200, True), (3000, False)])
    report = ask(world(nuttx.images(), program=Symbols(g_mmheap=(STATICS, 4))), "check")
    assert [heap.kind for heap in report.heaps] == ["tlsf"]


def test_blocks_on_the_delayed_list_are_a_note() -> None:
    heap = sound()
    for number in (3, 5):
        heap.delay(used(heap, number).at + heap.form.header)
    report = check(heap.images(), f"nuttx_mm@{PLACE:#x}")
    assert report["heaps"][0]["status"] == "clean"
    told = [skip["why_facts"] for skip in report["skipped"] if skip["check"] == "blocks"]
    assert told == [{"sentence": "mm-free-delayed", "blocks": 2, "place": heap.delay_at}]


@pytest.mark.parametrize("place", ["starts_at", "ends_at", "total_at"])
def test_one_wrong_word_of_the_struct_hides_no_block(place: str) -> None:
    heap = sound()
    heap.put(getattr(heap, place), 0x4141_4141)
    (report,) = check(heap.images(), f"nuttx_mm@{PLACE:#x}")["heaps"]
    assert [(one["rule"], one["address"]) for one in report["findings"]] == [("heap-struct", getattr(heap, place))]
    assert len(report["blocks"]) == len(heap.blocks())


def test_nodes_tell_who_allocated_them() -> None:
    heap = sound("12.6")
    user = heap.malloc(77, pid=12, stack=(0x0800_1234, 0x0800_2345))
    target = world(heap.images(), program=Symbols(g_mmheap=(PLACE, 4)))
    report = ask(target, "last", hex((user or 0) + 5))
    (life,) = report.generations
    assert (life.payload, life.task, life.seq) == (user, "pid 12", heap.seqno - 1)
    assert [frame.pc for frame in life.allocated] == [0x0800_1234, 0x0800_2345]
    assert report.trace.imported.depth == 8


def test_an_overflow_names_the_stack_in_the_node() -> None:
    heap = sound("master with backtraces")
    user = heap.malloc(40, pid=5, stack=(0x0800_4440,)) or 0
    for place in range(user + 8, user + heap.user_bytes(heap.node_at(user)) + 20):
        heap.put(place, 0x41, 1)
    report = ask(world(heap.images(), program=Symbols(g_mmheap=(PLACE, 4))), "check")
    first = next(finding for finding in report.heaps[0].findings if finding.severity == "damage")
    assert first.explanations[0].payload == user
    suspect = next(one for one in first.suspects if one.payload == user)
    assert (suspect.task, [frame.pc for frame in suspect.allocated]) == ("pid 5", [0x0800_4440])
