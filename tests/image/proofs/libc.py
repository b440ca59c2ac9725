# SPDX-License-Identifier: Apache-2.0
"""What breaks the rules of newlib-nano's and picolibc's heaps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from gdbext.model.region import Region
from tests.image.ask import check, check_region
from tests.image.proofs import Reports
from tests.support.libc_bytes import DL, DL_TABLE, NANO, dl, nano
from tests.support.picolibc_image import Form, Picolibc, load

NANO_WRITES = {
    "user-offset": (0x2000_104C, b"AAAA"),
    "list-link": (0x2000_1034, b"\x00\x00\x00\x08"),
    "list-cycle": (0x2000_1068, bytes.fromhex("30100020")),
    "free-neighbours": (0x2000_1034, bytes.fromhex("48100020")),
}


def _of_nano(place: int, data: bytes) -> Reports:
    before, after = (check(images, NANO)["heaps"][0] for images in (nano(), nano(place, data)))
    return before, after


def told(heap: Picolibc) -> Any:
    """What is said of a heap of which symbols tell all."""
    return check_region(heap.images(), Region("picolibc", heap.start, hints=heap.hints), heap.form.word)["heaps"][0]


def pico(buckets: int = 5) -> Picolibc:
    """A heap of the newer form."""
    heap = Picolibc(0x2000_1000, Form(buckets=buckets))
    load(heap, Random(7), 300)
    return heap


def listed(heap: Picolibc, head: int | None = None) -> list[int]:
    """The chunks of a list; of the main one without its head."""
    found, value = [], heap.get(heap.head if head is None else head)
    while value:
        found.append(value)
        value = heap.get(value)
    return found


def first_bucket(heap: Picolibc) -> int:
    """The head of a bucket with two chunks at least."""
    places = (heap.buckets + 4 * number for number in range(heap.form.buckets))
    return next(place for place in places if len(listed(heap, place)) > 1)


def _clear_a_flag(heap: Picolibc) -> None:
    chunk = listed(heap)[0]
    heap.put(chunk - 4, heap.size(chunk))


def _move_to_a_bucket(heap: Picolibc) -> None:
    """A chunk of the main list stands in a bucket."""
    chunk, head = listed(heap)[0], first_bucket(heap)
    heap.put(heap.head, heap.get(chunk))
    heap.put(chunk, heap.get(head))
    heap.put(head, chunk)


def _lose_the_last(heap: Picolibc) -> None:
    heap.put(listed(heap)[-2], 0)


def _free_beside(heap: Picolibc) -> None:
    """A used chunk behind a free one is freed without being joined to it."""
    chunks = {payload: size for payload, size, _ in heap.blocks()}
    for chunk in listed(heap):
        behind = chunk + chunks[chunk] + 4
        if behind in heap.used:
            heap.put(behind - 4, heap.get(behind - 4) | 1)
            heap.put(behind, heap.get(chunk))
            heap.put(chunk, behind)
            return


PICO_WRITES: dict[str, Callable[[Picolibc], None]] = {
    "free-flag": _clear_a_flag,
    "wrong-list": _move_to_a_bucket,
    "free-not-listed": _lose_the_last,
    "free-neighbours": _free_beside,
}


def _of_pico(write: Callable[[Picolibc], None]) -> Reports:
    heap = pico()
    before = told(heap)
    write(heap)
    return before, told(heap)


def _word(value: int) -> bytes:
    return value.to_bytes(4, "little")


BIN_4 = DL_TABLE + 32
DL_WRITES: dict[str, list[tuple[int, bytes]]] = {
    "list-link": [(0x2000_1028, b"AAAA")],
    "back-link": [(0x2000_102C, b"AAAA")],
    "previous-size": [(0x2000_1038, _word(40))],
    "free-flag": [(0x2000_103C, _word(0x21))],
    "wrong-list": [
        (DL_TABLE + 32, _word(0x2000_1020)), (DL_TABLE + 36, _word(0x2000_1020)), (0x2000_102C, _word(DL_TABLE + 24)),
        (DL_TABLE + 40, _word(0x2000_1058) * 2), (0x2000_1060, _word(BIN_4) * 2),
    ],
}  # fmt: skip


def _of_dl(writes: list[tuple[int, bytes]]) -> Reports:
    before, after = (check(images, DL)["heaps"][0] for images in (dl(), dl(*writes)))
    return before, after


_SHARED = ("list-cycle", "free-neighbours")  # rules that others prove
PROOFS: dict[str, Callable[[], Reports]] = {
    **{f"newlib_nano {rule}": partial(_of_nano, *write) for rule, write in NANO_WRITES.items() if rule not in _SHARED},
    **{f"newlib {rule}": partial(_of_dl, writes) for rule, writes in DL_WRITES.items()},
    **{f"picolibc {rule}": partial(_of_pico, write) for rule, write in PICO_WRITES.items()},
}
