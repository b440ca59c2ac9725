# SPDX-License-Identifier: Apache-2.0
"""Recognises Espressif's multi_heap: its struct multi_heap_info, and the TLSF behind it.

Assumptions: struct multi_heap_info is at the start of its region, and the control block right behind it. Its members
heap_data and pool_size are checked; recognising the heap does not need them.
"""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.heap.ends import FAR_BYTES, WINDOW_BYTES, PagedReader, chains_behind, known_until
from gdbext.heap.facts import Counters
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Flaw, Pool, is_marker
from gdbext.heap.tlsf.control import layout_by_blocks, pool_end, recognise_tlsf
from gdbext.heap.tlsf.layout import TlsfLayout
from gdbext.heap.tlsf.lists import neighbour_agrees
from gdbext.model.record import replace
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

INFO_WORDS = 5
_NAMES = ("espressif-static", "espressif-static")
# So many blocks that lead to the end given by pool_size prove that end.
_PROVING_BLOCKS = 2


def read_multi_heap(memory: Memory, address: int) -> Optional[Counters]:
    """Returns the members of struct multi_heap_info at `address`; None if they cannot be read."""
    size = memory.source.pointer_size
    memory.fetch(address, INFO_WORDS * size)
    words = [memory.word(address + size * position) for position in range(INFO_WORDS)]
    _, free_bytes, minimum, pool_size, data = words
    if free_bytes is None or minimum is None or pool_size is None or data is None:
        return None
    flaws = []
    if data != address + INFO_WORDS * size:
        where = address + (INFO_WORDS - 1) * size
        text, control = said("heap-pointer", stored=data), address + INFO_WORDS * size
        flaws.append(Flaw("heap-pointer", where, size, text, "constant", control, data))
    return Counters(free_bytes, minimum, tuple(flaws), pool_size)


def recognise_multi_heap(
    memory: Memory, address: int, info: Counters, limit: int, told: bool
) -> Optional[Tuple[TlsfLayout, Counters]]:
    """Returns the TLSF behind the struct at `address`, and `info`; None if there is no TLSF. A wrong pool size in
    `info` is corrected and becomes a flaw. A pool size beyond `limit`, the region's end, is cut to it. `told`: the
    program has told that end. Then it counts if an end marker is there, and blocks alone may tell an overwritten
    control block.
    """
    word = memory.source.pointer_size
    control = address + INFO_WORDS * word
    last = pool_end(control, limit - control, word)
    if told and pool_end(control, info.pool_size, word) < last and is_marker(memory.word(last - word)):
        text = said("pool-size", stored=info.pool_size, end=limit)
        flaw = Flaw("pool-size", address + 3 * word, word, text, "constant", limit - control, info.pool_size)
        info = replace(info, pool_size=limit - control, flaws=(*info.flaws, flaw))
    if info.pool_size > limit - control:
        text = said("pool-size-limit", stored=info.pool_size, limit=limit - control)
        flaw = Flaw("pool-size", address + 12, 4, text, "constant", None, info.pool_size)
        info = replace(info, pool_size=limit - control, flaws=(*info.flaws, flaw))
    high = max(control + info.pool_size, min(limit, known_until(memory, control, info.pool_size + FAR_BYTES)))
    layout = recognise_tlsf(memory, control, control, high, _NAMES, pool_end(control, info.pool_size, word))
    if layout is None and told:
        layout = layout_by_blocks(memory, control, pool_end(control, info.pool_size, word), _NAMES)
    if layout is None:
        return None
    behind = layout.tables_end
    last = pool_end(behind, control + info.pool_size - behind, word)
    layout = replace(layout, pools=(Pool(layout.first, max(last, behind + 2 * word)),))
    true_end = _true_end(memory, layout, info, high)
    if true_end is not None:
        text, size = said("pool-size", stored=info.pool_size, end=true_end), true_end - control
        flaw = Flaw("pool-size", address + 3 * word, word, text, "constant", size, info.pool_size)
        info = replace(info, pool_size=size, flaws=(*info.flaws, flaw))
        layout = replace(layout, pools=(Pool(layout.first, true_end),))
    return (layout, info) if layout.end > layout.first else None


def _true_end(memory: Memory, layout: TlsfLayout, info: Counters, high: int) -> Optional[int]:
    """Returns the end marker at which the chain of blocks ends, if pool_size gives another end and is wrong by the
    counters or the word there. Else returns None.

    On a live target it is looked for only if pool_size does not lead to an end marker, because it costs a walk.
    """
    memory.fetch(layout.end - layout.word, layout.word)
    if not memory.ranges() and is_marker(memory.snapshot.word(layout.end - layout.word)):
        return None
    read = PagedReader(memory, layout.control)
    end, step, smallest, odd = layout.end, layout.word, layout.smallest, layout.align - 1
    used, blocks, payload = 0, 0, layout.first
    while payload < high:
        stored = read(payload - step)
        size = 0 if stored is None else stored & ~FLAG_BITS
        if payload == end or size < smallest or size & odd:
            break
        used, blocks = (used, blocks) if stored is None or stored & FREE_BIT else (used + size, blocks + 1)
        payload += size + step
    if payload == layout.end or not is_marker(read(payload - layout.word)) or payload == layout.first:
        return None
    if payload < layout.end and _blocks_end_at(layout, read, payload + layout.word):
        return None
    free = payload - layout.control_end - used
    counted = info.free_bytes - free in range(4) or info.free_bytes - free + layout.word * blocks in range(4)
    marker = read(layout.end - layout.word)
    if marker is not None and not is_marker(marker):
        return payload
    known = memory.known_end(layout.control - INFO_WORDS * layout.word)
    if known == layout.control + info.pool_size and not read(payload - layout.word):
        return None  # the memory ends with the pool by pool_size: a marker before that is a cleared header
    # If the bytes behind the marker are not one repeated byte, it is a block's cleared header.
    length = min(layout.end - payload, FAR_BYTES)
    data = memory.get(payload, length) if counted and marker is not None and length > 0 else None
    return payload if counted and (data is None or len(set(data)) <= 1) else None


def _blocks_end_at(layout: TlsfLayout, read: WordReader, low: int) -> bool:
    """True if blocks above `low` lead to the end given by pool_size: a marker before that is a damaged header."""
    end = layout.end
    if not is_marker(read(end - layout.word)):
        return False
    low, agrees = max(low, end - WINDOW_BYTES), neighbour_agrees(layout, read)
    return chains_behind(layout, read, agrees, lambda payload: payload == end, low, end)[0] >= _PROVING_BLOCKS
