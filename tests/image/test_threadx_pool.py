# SPDX-License-Identifier: Apache-2.0
"""A byte pool of ThreadX, byte by byte, and every port's form."""

from __future__ import annotations

from random import Random

import pytest

from tests.image.ask import check, places, search
from tests.support.made import DAMAGES, damaged, judged
from tests.support.makers.threadx_pool import PORTS, Port, make_with

# Written by hand from tx_api.h and tx_byte_pool_create.c.
CONTROL = bytes.fromhex(
    "45545942"  # tx_byte_pool_id: BYTE
    "00000000"  # tx_byte_pool_name: none
    "70000000"  # tx_byte_pool_available: 112, the free blocks with their headers
    "04000000"  # tx_byte_pool_fragments: three blocks and the one at the end
    "00100020"  # tx_byte_pool_list
    "30100020"  # tx_byte_pool_search: the free block
    "00100020"  # tx_byte_pool_start
    "a8000000"  # tx_byte_pool_size: 168
    "000000000000000000000000"  # owner, suspension list, suspended count
    "0000002000000020"  # the ring: this pool alone
)
POOL = bytes.fromhex(
    "18100020" "00000020" + "61" * 16 +  # 0x20001000: leads to 0x20001018, used; 16 bytes
    "30100020" "00000020" + "62" * 16 +  # 0x20001018: leads to 0x20001030, used; 16 bytes
    "a0100020" "eeeeffff" + "00" * 104 +  # 0x20001030: leads to 0x200010a0, free; 104 bytes
    "00100020" "00000020"  # 0x200010a0: the end, which leads back
)  # fmt: skip
AT = "threadx_pool@0x20000000"


def report(pool: bytes = POOL, control: bytes = CONTROL) -> dict[str, object]:
    heap = check([(0x2000_0000, control), (0x2000_1000, pool)], AT)["heaps"][0]
    assert isinstance(heap, dict)
    return heap


def test_bytes_by_hand() -> None:
    heap = report()
    assert heap["status"] == "clean"
    assert [(block["payload"], block["size"], block["state"]) for block in heap["blocks"]] == [
        (0x2000_1008, 16, "used"), (0x2000_1020, 16, "used"), (0x2000_1038, 104, "free"),
    ]  # fmt: skip
    assert (heap["start"], heap["end"], heap["free_bytes"]) == (0x2000_1000, 0x2000_10A8, 112)


def test_an_overflow_by_hand() -> None:
    """The first block's user writes 24 bytes: the second block's header is gone."""
    heap = report(POOL[:8] + b"A" * 24 + POOL[32:])
    assert heap["status"] == "damaged"
    first = heap["findings"][0]
    assert (first["rule"], first["block"], first["address"]) == ("block-next", 0x2000_1020, 0x2000_1018)
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("overflow", 0x2000_1008)
    assert [block["payload"] for block in heap["blocks"]] == [0x2000_1008, 0x2000_1038]


def test_free_blocks_side_by_side_are_legal() -> None:
    pool = POOL[: 0x18 + 4] + b"\xee\xee\xff\xff" + POOL[0x20:]
    control = CONTROL[:8] + b"\x88" + CONTROL[9:]
    assert report(pool, control)["status"] == "clean"


@pytest.mark.parametrize("port", PORTS, ids=repr)
def test_every_port(port: Port) -> None:
    """Widths and byte order are recognised, by name and by the word BYTE, and damage is told as it is."""
    made = make_with(Random(repr(port)), port)
    assert judged(made, None, check(list(made.images), made.option)).status
    assert ("threadx_pool", made.address) in places(search(made.images, port.word, port.order))
    for what in DAMAGES:
        damage = damaged(made, what, Random(f"{port}/{what}"))
        verdict = judged(made, damage, check(damage.images(made), made.option))
        assert (what, verdict.status, verdict.place) == (what, True, True), verdict.told
