# SPDX-License-Identifier: Apache-2.0
"""What is in a flash image: its partitions, each with the file system that its bytes are.

Approach: a table says where partitions are. Without one, the whole image is one partition, or else file systems are
sought by their signs. A file system is known by its bytes, never by the table: people format what they like.
Cost: each file system is tried on each partition that may have files, when somebody asks for it.
"""

from __future__ import annotations

from functools import cached_property
from typing import List, Optional, Tuple

from gdbext.flash import Contents, Mounted, file_systems
from gdbext.flash.mbr import cards_partitions_in
from gdbext.flash.partitions import FOR_FILES, Partition, partitions_in
from gdbext.model.said import said
from gdbext.source.overlaps import Bytes

BARE = "image"  # the name of a partition that is a file of its own


class Area:
    """One partition, with its bytes as far as the image has them."""

    def __init__(self, told: Partition, data: Bytes) -> None:
        self.name, self.offset, self.size = told.name, told.offset, told.size
        self.data = data[told.offset : told.offset + told.size]
        self._told = told

    @cached_property
    def kind(self) -> Optional[str]:
        """The name of its file system; "raw": it has none and needs none; "none": none that can be read; None: it is
        no place for files.
        """
        if not self._told.may_have_files:
            return None
        return self._found[0] if self._found else "none" if self._told.files else "raw"

    @property
    def files(self) -> Optional[Mounted]:
        """Its file system."""
        return self._found[1] if self._found else None

    @property
    def is_cut(self) -> bool:
        """Tells whether the image ends before it does."""
        return len(self.data) < self.size

    @property
    def is_core_dump(self) -> bool:
        """Tells whether it is the partition for core dumps, and has one."""
        return self._told.is_for_core and bool(self.data.strip(b"\xff"))

    def contents(self) -> Contents:
        """Returns the whole partition, as far as the image has it."""
        cut = said("flash-partition-cut", name=self.name, read=len(self.data), all=self.size)
        return Contents(self.data, cut if self.is_cut else None)

    @cached_property
    def _found(self) -> Optional[Tuple[str, Mounted]]:
        return mounted(self.data) if self._told.may_have_files else None


def mounted(data: Bytes) -> Optional[Tuple[str, Mounted]]:
    """Returns the file system that bytes are, with its name. None: they are none."""
    tried = ((one.name, one.mounted(data)) for one in file_systems())
    return next(((name, files) for name, files in tried if files is not None), None)


def areas_of(data: Bytes) -> List[Area]:
    """Returns the partitions of an image, in the order of its table."""
    told = cards_partitions_in(data)
    if not told and any(one.mounted(data) for one in file_systems() if one.is_sure):
        return [_bare(BARE, data, 0, len(data))]
    told = told or partitions_in(data)
    return [Area(one, data) for one in told] if told else _found_in(data) or [_bare(BARE, data, 0, len(data))]


def _found_in(data: Bytes) -> List[Area]:
    """Returns the file systems in an image without a table; of those that overlap, the first."""
    whole = _bare(BARE, data, 0, len(data))
    places = ((*place, one.name) for one in file_systems() for place in one.places(data))
    found: List[Area] = []
    # Of those that begin at one place, the first: a volume may begin where its wear levelling does.
    for start, size, name in sorted(places, key=lambda one: one[0]) if whole.files is None else ():
        if not found or start >= found[-1].offset + found[-1].size:
            area = _bare(f"{name}@{start:#x}", data, start, size)
            found += [area] if area.files is not None else []
    return found


def _bare(name: str, data: Bytes, start: int, size: int) -> Area:
    return Area(Partition(name, *FOR_FILES, start, size), data)
