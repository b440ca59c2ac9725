# SPDX-License-Identifier: Apache-2.0
"""Opens what lies in a flash image in place of the image: its one log, or the file or partition that is named.

Approach: a file is a log if its bytes are one, whatever its name is. Several are refused by their names: nobody wants a
report on the wrong one. An image without a log may have a core dump, in the partition for it.
Cost: every file of the image is read once. A file with neither 0 nor 0xff at its head is taken for no flash image.
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional, Sequence, Union

from gdbext.flash import Contents, Mounted
from gdbext.flash.image import Area, areas_of
from gdbext.model.errors import UserError
from gdbext.model.said import Trouble
from gdbext.source.flash_ring import FlashRing
from gdbext.source.log_file import HeldFile, LogFile
from gdbext.target.files import ANYTHING, Wanted
from gdbext.trace.opened import is_known

_MOST_READ = 2  # times the bytes of a partition: files that share theirs are none of a sound file system
_MOST_NAMED = 12  # names in a refusal
_ELF = b"\x7fELF"


class Taken(NamedTuple):
    """What can be taken out of an image."""

    area: Area
    path: Optional[str]  # None: the whole partition
    contents: Contents

    @property
    def name(self) -> str:
        """Its name for people."""
        return self.area.name if self.path is None else f"{self.path} in {self.area.name}"


def inside(file: LogFile, wanted: Wanted) -> LogFile:
    """Returns what is meant in a flash image, as a file. Returns the file itself if it is none. UserError or Trouble
    says why nothing can be taken.
    """
    if wanted == ANYTHING and (is_known(file.head) or not _may_be_flash(file)):
        return file
    areas = areas_of(file.whole().data)
    if wanted == ANYTHING and areas[0].offset == 0 and not _has_files(areas[0]):  # a file of another kind
        return file
    taken = wanted_in(areas, wanted) if wanted.path is not None else _found_in(areas, wanted.partition)
    contents = taken.contents
    if contents.missing is not None and not contents.data:
        raise Trouble(contents.missing)
    remarks = () if contents.missing is None else (contents.missing,)
    return HeldFile(f"{file.path}: {taken.name}", contents.data, remarks)


def _has_files(area: Area) -> bool:
    return area.files is not None and len(area.files.entries()) > 0


def _may_be_flash(file: LogFile) -> bool:
    return file.is_regular and file.head[: len(_ELF)] != _ELF and (b"\0" in file.head or b"\xff" in file.head)


def chosen(areas: Sequence[Area], partition: Optional[str]) -> List[Area]:
    """Returns the partitions of a name, or all. UserError if there is none."""
    found = [area for area in areas if partition in (None, area.name)]
    if not found:
        raise UserError(f"no partition {partition}: there is {listed([area.name for area in areas])}")
    return found


def wanted_in(areas: Sequence[Area], wanted: Wanted) -> Taken:
    """Returns the file of a path, which only one of the partitions may have."""
    path = wanted.path or ""
    among = chosen(areas, wanted.partition)
    tried = [(area, _contents(area.files, path)) for area in among if area.files is not None]
    found = [Taken(area, path, contents) for area, contents in tried if isinstance(contents, Contents)]
    lost = [contents for _, contents in tried if isinstance(contents, Trouble)]
    if not found and lost:
        raise lost[0]
    if not found:
        raise UserError(f"no file {path}: {_why_none(among)}")
    if len(found) > 1:
        raise UserError(f"{path} is in {listed([one.area.name for one in found])}: --partition says which is meant")
    return found[0]


def _why_none(areas: Sequence[Area]) -> str:
    paths = [entry.path for area in areas if area.files is not None for entry in area.files.entries()]
    if paths:
        return f"there is {listed(paths)}"
    cut = [area.name for area in areas if area.is_cut]
    if cut:
        return f"the image ends before partition {cut[0]} does"
    empty = any(area.files is not None for area in areas)
    return "the file system is empty" if empty else "nothing here is a file system that memtrace knows"


def listed(names: Sequence[str]) -> str:
    """Returns the names as words. Leaves some out if they are many."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _found_in(areas: Sequence[Area], partition: Optional[str]) -> Taken:
    """Returns the one log of the partitions that may be meant, or else their core dump."""
    among = chosen(areas, partition)
    if partition is not None and len(among) == 1 and among[0].files is None:
        return Taken(among[0], None, among[0].contents())
    logs = [one for area in among for one in _logs_in(area)]
    if not logs:
        logs = [Taken(area, None, area.contents()) for area in among if area.is_core_dump]
    if not logs:
        raise UserError("no log lies in this flash image; `memtrace extract IMAGE --list` lists what does")
    if len(logs) > 1:
        names = listed([one.name for one in logs])
        raise UserError(f"several logs lie in this flash image: {names}; --path or --partition says which is meant")
    return logs[0]


def _logs_in(area: Area) -> Iterator[Taken]:
    if area.files is None:
        if area.kind == "raw" and FlashRing(area.data).sectors:
            yield Taken(area, None, area.contents())
        return
    left = _MOST_READ * len(area.data)
    for entry in area.files.entries():
        contents = _contents(area.files, entry.path) if left >= 0 else None
        if isinstance(contents, Contents):
            left -= len(contents.data)
            if _is_log(contents.data):
                yield Taken(area, entry.path, contents)


def _contents(files: Mounted, path: str) -> Union[Contents, Trouble, None]:
    """Returns a file, or why nothing of it can be read: another partition may have it. None: there is no such file."""
    try:
        return files.contents(path)
    except Trouble as lost:
        return lost


def _is_log(data: bytes) -> bool:
    try:
        return bool(data) and is_known(HeldFile("", data).head)
    except Trouble:
        return False  # it is packed, and what unpacks it is missing
