# SPDX-License-Identifier: Apache-2.0
"""Reads files out of a FAT volume under ESP-IDF's wear levelling, in its three modes.

Approach: at the end of the partition are two copies of a state, each with a checksum, then a sector with the
configuration. The state says how often the empty sector has wandered round, and the marks behind it how far it has
come since: so the sectors are put back in order, once, and the volume is read as any other. In safe mode a sector that
was being rewritten when power was lost lies in a sector of its own. Where of all this the configuration alone is left,
or the image ends before it, the library would begin anew: so the empty sector is taken to be the first one.
Rejected: a search for the volume's boot sector alone (where it stands says nothing of the order of the others).
Cost: one copy of the partition.
Assumptions: the volume fits what the state leaves for it; else the partition was formatted anew, without.
"""

from __future__ import annotations

import struct
from binascii import crc32
from typing import Iterator, NamedTuple, Optional, Sequence

from gdbext.flash import Contents, Entry, FileSystem, Mounted, Place
from gdbext.flash.fat import mounted as mounted_fat
from gdbext.flash.fat import shape_of
from gdbext.model.said import Trouble, said
from gdbext.source.overlaps import Bytes

_STATE = struct.Struct("<8I28xI")  # position, sectors, rounds, erasures, most of them, page, version, device, sum
_CONFIG = struct.Struct("<9I12x")  # start, size, page, sector, erasures, mark, version, buffer, sum
_SUM_AT, _CONFIG_SUM_AT = 60, 32
_MARK = 16  # bytes of a mark of a position
_SECTORS = (4096, 512, 1024, 2048, 8192, 16384, 32768, 65536)
_VERSION = 2

_TRANSACTION = struct.Struct("<4I")  # sign, sector of the flash, first sector of FAT that is rewritten, and how many
_PENDING = 0x1234_5678
_SMALL = 512  # bytes of a sector of FAT in safe mode


class _State(NamedTuple):
    """The order of the sectors."""

    at: int  # in the partition
    head: bytes
    rounds: int  # of the empty sector
    sectors: int  # that it wanders through, itself among them
    page: int
    device: int


class _Config(NamedTuple):
    """What the last sector says."""

    size: int  # of the partition
    sector: int  # of the flash


class _Lost:
    """A partition under wear levelling whose volume does not come out in order."""

    def entries(self) -> Sequence[Entry]:
        """Returns none: what order they have is not known."""
        return ()

    def contents(self, path: str) -> Optional[Contents]:
        """Says that nothing can be read."""
        raise Trouble(said("wl-fat-lost"))


def mounted(data: Bytes) -> Optional[Mounted]:
    """Returns the volume. None: the partition has no wear levelling, or never had a volume."""
    ordered, plain = _in_order(data), shape_of(data)
    if ordered is None or (plain is not None and plain.size > len(ordered)):
        return None
    return mounted_fat(ordered, signed=False) or (_Lost() if plain else None)


def _in_order(data: Bytes) -> Optional[bytes]:
    """Returns the sectors in the order of the volume. None: the partition has no wear levelling."""
    for sector in _SECTORS:
        state_size = _state_size(len(data), sector)
        first = len(data) - 2 * state_size - sector
        if len(data) % sector or first < 2 * sector:
            continue
        both = [state for state in (_state_at(data, first), _state_at(data, first + state_size)) if state]
        if both and both[0].page % sector == 0 and both[0].sectors == first // both[0].page:
            return _volume(data, both[0], max(_moves(data, one) for one in both if one.head == both[0].head))
        config = _config_at(data, len(data) - sector)
        if config is not None and config.size == len(data):
            return data[sector:first]
    return data[_SECTORS[0] :] if _is_cut(data) else None


def _is_cut(data: Bytes) -> bool:
    """Tells whether an image ends before the state, of a volume that stands behind an empty sector."""
    sector = _SECTORS[0]
    shape = shape_of(data[sector : 2 * sector]) if data[:sector] == b"\xff" * sector else None
    return shape is not None and len(data) < shape.size + sector + 3 * sector


def _state_size(size: int, sector: int) -> int:
    """Returns the bytes of one copy of the state, in a partition of so many bytes."""
    return -(-(_STATE.size + size // sector * _MARK) // sector) * sector


def _state_at(data: Bytes, at: int) -> Optional[_State]:
    head = data[at : at + _STATE.size]
    if len(head) < _STATE.size:
        return None
    _, sectors, rounds, _, _, page, version, device, total = _STATE.unpack(head)
    if total != crc32(head[:_SUM_AT], 0xFFFF_FFFF) or version != _VERSION or sectors < 2 or not page:
        return None
    return _State(at, head, rounds % (sectors - 1), sectors, page, device)


def _moves(data: Bytes, state: _State) -> int:
    """Returns how many sectors the empty one has passed in this round: behind the last mark that is right."""
    start = state.at + _STATE.size
    for number in range(state.sectors - 1, 0, -1):
        at = start + (number - 1) * _MARK
        words = (struct.pack("<I", (state.device + (number - 1) * 4 + word) & 0xFFFF_FFFF) for word in range(4))
        if data[at : at + _MARK] == b"".join(struct.pack("<I", crc32(word, 0xFFFF_FFFF)) for word in words):
            return number
    return 0


def _volume(data: Bytes, state: _State, empty: int) -> bytes:
    """Puts the sectors in order: those behind the empty one are one place too far, and each round moves all by one."""
    gap, end, moved = empty * state.page, state.sectors * state.page, state.rounds * state.page
    ordered = data[:gap] + data[gap + state.page : end]
    return _completed(ordered[-moved:] + ordered[:-moved] if moved else ordered, state.page)


def _completed(ordered: bytes, sector: int) -> bytes:
    """Puts back what safe mode kept of a sector whose rewriting was cut."""
    kept = len(ordered) - sector
    sign, number, first, count = _TRANSACTION.unpack_from(ordered, max(kept - sector, 0))
    start = number * sector
    if sign != _PENDING or start >= kept - sector:
        return ordered
    lost = range(first, first + count)
    parts = (
        ordered[at : at + _SMALL]
        if (at - start) // _SMALL in lost
        else ordered[kept + at - start : kept + at - start + _SMALL]
        for at in range(start, start + sector, _SMALL)
    )
    completed = ordered[:start] + b"".join(parts) + ordered[start + sector :]
    shape = shape_of(completed, signed=False)
    return ordered if shape is None or shape.size > kept - sector else completed


def _config_at(data: Bytes, at: int) -> Optional[_Config]:
    head = data[at : at + _CONFIG.size]
    if len(head) < _CONFIG.size:
        return None
    _, size, _, sector, _, _, version, _, total = _CONFIG.unpack(head)
    is_sound = version == _VERSION and total == crc32(head[:_CONFIG_SUM_AT], 0xFFFF_FFFF)
    return _Config(size, sector) if is_sound else None


def places(data: Bytes) -> Iterator[Place]:
    """Yields the partitions whose last sector is a configuration of wear levelling."""
    for at in range(0, len(data), _SECTORS[0]):
        config = _config_at(data, at)
        if config is not None and config.size <= at + config.sector:
            yield Place(at + config.sector - config.size, config.size)


FILESYSTEM = FileSystem("wl_fat", mounted, places, is_sure=True)
