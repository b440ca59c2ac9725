# SPDX-License-Identifier: Apache-2.0
"""Takes files out of flash images: partition tables, and one file for each file system.

Approach: a file system gets the bytes of one partition and says whether they are its own; page, block and name sizes
are recognised, never asked for. Every structure is hostile: each read is checked against the image, each chain is
bounded by the number of its pages. Bytes that are not in the image are never made up: a file ends where one is missing.
To add a file system, write a file with a FILESYSTEM and add its name here.
"""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple, Optional, Protocol, Sequence

from gdbext.loading import load
from gdbext.model.said import Said
from gdbext.source.overlaps import Bytes

NAMES: Sequence[str] = ("littlefs", "wl_fat", "fat", "spiffs")

DEEPEST = 100  # folders in each other


class Entry(NamedTuple):
    """A file in a file system."""

    path: str  # as the file system spells it, with / between folders and in front
    length: int


class Place(NamedTuple):
    """Where in a dump something lies."""

    offset: int
    length: int


class Contents(NamedTuple):
    """The bytes of a file, as far as the image has them."""

    data: bytes
    missing: Optional[Said] = None  # why they end early; None: they are whole


class Mounted(Protocol):
    """A file system that was recognised."""

    def entries(self) -> Sequence[Entry]:
        """Returns all files, no folders and nothing that was deleted."""

    def contents(self, path: str) -> Optional[Contents]:
        """Returns a file's bytes. None: there is no such file. Raises Trouble if nothing of it can be read."""


class FileSystem(NamedTuple):
    """One kind of file system."""

    name: str  # spiffs, littlefs, fat or wl_fat
    mounted: Callable[[Bytes], Optional[Mounted]]  # None: the bytes are not of this kind
    places: Callable[[Bytes], Iterator[Place]]  # where one lies in a dump without a partition table, by its own signs
    is_sure: bool = False  # an image that begins as one is one: what looks like a partition table lies in a file of it


def file_systems() -> Iterator[FileSystem]:
    """Yields every file system, those first whose signs are surest."""
    yield from (load(f"flash.{name}", "FILESYSTEM") for name in NAMES)
