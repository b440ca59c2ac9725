# SPDX-License-Identifier: Apache-2.0
"""Heaps of C libraries written by hand from their sources, byte by byte, with the variables beside them."""

from __future__ import annotations

NANO = "newlib_nano@0x20001000"
NANO_VARIABLES = (
    0x2000_0100,
    bytes.fromhex(
        "30100020"  # __malloc_free_list: the chunk at 0x20001030
        "00100020"  # __malloc_sbrk_start
        "94100020"  # heap_end: what _sbrk gives next
        "00000000"
    ),
)
NANO_HEAP = (
    0x2000_1000,
    bytes.fromhex(
        "1c000000" "fcffffff" + "61" * 20 +  # 0x20001000: 28 bytes, used; -4, because the payload is not aligned to 8
        "14000000" + "62" * 16 +             # 0x2000101c: 20 bytes, used; its payload is aligned
        "18000000" "64100020" + "63" * 16 +  # 0x20001030: 24 bytes, free, the next free one is at 0x20001064
        "1c000000" "fcffffff" + "64" * 20 +  # 0x20001048: 28 bytes, used
        "20000000" "00000000" + "65" * 24 +  # 0x20001064: 32 bytes, free, the last on the list
        "10000000" + "66" * 12 +             # 0x20001084: 16 bytes, used
        "00" * 12                            # 0x20001094: sbrk has not given this
    ),
)  # fmt: skip
PICO = "picolibc@0x20001004"
PICO_VARIABLES = (
    0x2000_0100,
    bytes.fromhex(
        "5c100020"  # __malloc_sbrk_top
        "04100020"  # __malloc_sbrk_start
        "1c100020"  # __malloc_free_list: the head at 0x2000101c (1.8; later it is the payload behind it)
        "00000000"
    ),
)
PICO_HEAP = (
    0x2000_1000,
    bytes.fromhex(
        "00000000"                           # sbrk's first word: the head comes in front of an aligned payload
        "18000000" + "61" * 20 +             # 0x20001004: 24 bytes, used
        "18000000" "00000000" + "62" * 16 +  # 0x2000101c: 24 bytes, free, the only one on the list
        "28000000" + "63" * 36 +             # 0x20001034: 40 bytes, used
        "00" * 12                            # 0x2000105c
    ),
)  # fmt: skip


Images = list[tuple[int, bytes]]


def written(images: Images, address: int, data: bytes) -> Images:
    """The images with some bytes changed."""
    done = []
    for base, old in images:
        at = address - base
        inside = 0 <= at < len(old)
        done.append((base, old[:at] + data + old[at + len(data) :] if inside else old))
    return done


def nano(address: int | None = None, data: bytes = b"") -> Images:
    """newlib-nano's heap with its variables."""
    return written([NANO_VARIABLES, NANO_HEAP], NANO_HEAP[0] if address is None else address, data)


def pico(address: int | None = None, data: bytes = b"") -> Images:
    """picolibc's older heap with its variables."""
    return written([PICO_VARIABLES, PICO_HEAP], PICO_HEAP[0] if address is None else address, data)
