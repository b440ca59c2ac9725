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

DL = "newlib@0x20001000"
DL_TABLE = 0x2000_0400
DL_HEAP = (
    0x2000_1000,
    bytes.fromhex(
        "00000000" "21000000" + "61" * 24 +                        # 0x20001000: 32 bytes, used; the one before is used
        "61616161" "19000000" "18040020" "58100020" + "62" * 8 +   # 0x20001020: 24 bytes, free: bin 3, 0x20001058
        "18000000" "20000000" + "63" * 24 +                        # 0x20001038: 24 before it are free; 32 bytes, used
        "63636363" "19000000" "20100020" "18040020" + "64" * 8 +   # 0x20001058: 24 bytes, free: 0x20001020, bin 3
        "18000000" "20000000" + "65" * 24 +                        # 0x20001070: 32 bytes, used
        "65656565" "710f0000" + "00" * 0xF68                       # 0x20001090: the top chunk, up to 0x20002000
    ),
)  # fmt: skip


def _table() -> bytes:
    """__malloc_av_: two words, then 128 pairs, which are a bin's first and last chunk; an empty one holds itself."""
    words = [0, 0]
    for number in range(128):
        words += [DL_TABLE + 8 * number] * 2
    words[2] = 0x2000_1090  # of bin 0 the first is the top chunk
    words[8:10] = [0x2000_1058, 0x2000_1020]  # bin 3: chunks of 24 bytes
    return b"".join(word.to_bytes(4, "little") for word in words)


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


def dl(*writes: tuple[int, bytes]) -> Images:
    """dlmalloc's heap with its table, and some words changed."""
    images = [(DL_TABLE, _table()), DL_HEAP]
    for address, data in writes:
        images = written(images, address, data)
    return images
