# SPDX-License-Identifier: Apache-2.0
"""What the bytes of a sound multi_heap on a dynamic TLSF have in common, said a second time.

Approach: every rule is an assertion on one image. It is first held against images that Espressif's own allocator made
and then against those of the test firmware's allocator: what holds for both is the format. It shares no code with the
host's walker (gdbext/heap), so that the two can't be wrong together by copying.
Cost: some 10 ms an image. Assumptions: 32-bit little-endian; nothing is damaged.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

FREE, PREV_FREE = 1, 2


@dataclass(frozen=True)
class Constants:
    """The fields that the dynamic control holds about its own shape."""

    fl_count: int
    fl_shift: int
    fl_max: int
    sl_count: int
    sl_log2: int
    small: int
    control_bytes: int


@dataclass(frozen=True)
class Found:
    """What a walk found: payload -> size of the used blocks, header address -> size of the free ones."""

    constants: Constants
    used: dict[int, int]
    free: dict[int, int]
    free_bytes: int
    minimum_free: int


@dataclass(frozen=True)
class Memory:
    """An image at its address."""

    base: int
    data: bytes

    def word(self, address: int) -> int:
        """The 32-bit word at `address`."""
        value: int = struct.unpack_from("<I", self.data, address - self.base)[0]
        return value


def expected_constants(heap_bytes: int) -> Constants:
    """The shape of a control for a heap of so many bytes, by the formula of facts/targets.md 2.2."""
    fl_max = heap_bytes.bit_length()
    sl_log2 = 3 if heap_bytes <= 16384 else 4 if heap_bytes <= 262144 else 5
    shift = sl_log2 + 2
    rows = fl_max - shift + 1
    return Constants(rows, shift, fl_max, 1 << sl_log2, sl_log2, 1 << shift, 36 + 4 * rows + 4 * rows * (1 << sl_log2))


def read_constants(memory: Memory, control: int) -> Constants:
    """The shape as the control's bit fields say it."""
    bits = memory.word(control + 16)

    def field(low: int, width: int) -> int:
        return bits >> low & (1 << width) - 1

    size = memory.word(control + 20)
    return Constants(field(0, 5), field(5, 3), field(8, 6), field(14, 6), field(20, 3), field(23, 8), size)


def list_index(constants: Constants, size: int) -> int:
    """The free list in which a block of `size` belongs."""
    if size < constants.small:
        return size // (constants.small // constants.sl_count)
    power = size.bit_length() - 1
    row = power - constants.fl_shift + 1
    return (row << constants.sl_log2) + (size - (1 << power) >> power - constants.sl_log2)


def walk(memory: Memory, control: int, pool_size: int) -> tuple[dict[int, int], dict[int, int]]:
    """Used and free blocks by a physical walk that must end on the pool's last word."""
    used: dict[int, int] = {}
    free: dict[int, int] = {}
    at = control + memory.word(control + 20)
    end = at + (pool_size - memory.word(control + 20) & ~3)
    previous_free = 0
    while memory.word(at) & ~3:
        word = memory.word(at)
        size = word & ~3
        assert size >= 12 and size % 4 == 0, hex(at)
        assert bool(word & PREV_FREE) == bool(previous_free), hex(at)
        assert not previous_free or memory.word(at - 4) == previous_free, hex(at)
        assert not (previous_free and word & FREE), f"two free neighbours at {at:#x}"
        (free if word & FREE else used)[at - 4 if word & FREE else at + 4] = size
        previous_free = at - 4 if word & FREE else 0
        at += 4 + size
    assert at == end - 4, f"the walk ends at {at:#x}, not on {end - 4:#x}"
    assert memory.word(at) == (PREV_FREE if previous_free else 0)
    return used, free


def listed(memory: Memory, control: int, constants: Constants) -> dict[int, int]:
    """Free blocks by their lists: header address -> index of the list. Checks bitmaps and links on the way."""
    found: dict[int, int] = {}
    bitmap, rows = memory.word(control + 24), memory.word(control + 28)
    heads = memory.word(control + 32)
    assert rows == control + 36 and heads == rows + 4 * constants.fl_count
    assert bitmap >> constants.fl_count == 0
    for row in range(constants.fl_count):
        columns = memory.word(rows + 4 * row)
        assert bool(bitmap >> row & 1) == bool(columns) and columns >> constants.sl_count == 0
        for column in range(constants.sl_count):
            index = row * constants.sl_count + column
            block, before = memory.word(heads + 4 * index), control
            assert bool(columns >> column & 1) == (block != control)
            while block != control:
                assert block not in found and memory.word(block + 12) == before
                found[block] = index
                before, block = block, memory.word(block + 8)
    return found


def check(memory: Memory, heap: int) -> Found:
    """Assert everything about the multi_heap_info at `heap`; return what is in it."""
    _, free_bytes, minimum, pool_size, control = (memory.word(heap + 4 * i) for i in range(5))
    assert control == heap + 20
    constants = read_constants(memory, control)
    assert constants == expected_constants(pool_size)
    used, free = walk(memory, control, pool_size)
    lists = listed(memory, control, constants)
    assert lists == {block: list_index(constants, size) for block, size in free.items()}
    assert free_bytes == pool_size - constants.control_bytes - sum(size + 4 for size in used.values())
    assert minimum <= free_bytes
    return Found(constants, used, free, free_bytes, minimum)
