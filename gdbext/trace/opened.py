# SPDX-License-Identifier: Apache-2.0
"""Opens any log, of memtrace or of another tool, as the bytes of a log of memtrace.

Approach: the head of the file tells what it is, never its name. What it is packed with is taken off, another tool's
calls are written as our events, and regions out of order are sorted, all while the bytes are read. A flash image and
what came over a serial line carry a log.
Rejected: a reader for each kind of log in each command.
"""

from __future__ import annotations

from functools import cached_property
from typing import FrozenSet, Iterator, Optional, Sequence, Tuple, Union

from gdbext.model.said import Said, Text, Trouble, said
from gdbext.source.log_carriers import CarriedLog, log_carried_by
from gdbext.source.log_file import LogFile, open_log
from gdbext.trace.format import FLAG_LOG, HEADER_OFFSETS, MAGIC, REQUIRED_UNSORTED, Header, parse_header
from gdbext.trace.importers import (
    ADDRESSES,
    EVENTS,
    LACKS,
    MAPS,
    Importer,
    Item,
    Module,
    importer_amid,
    importer_of,
    untold,
)
from gdbext.trace.log_regions import sorted_regions
from gdbext.trace.logged import Beside, logged
from gdbext.trace.summed import ToldSums

OURS = "memtrace"


class OpenedLog:
    """A log that can be read, once."""

    def __init__(
        self,
        file: Union[LogFile, CarriedLog],
        importer: Optional[Importer],
        machine: int,
        modules: Sequence[Module] = (),
    ) -> None:
        """`machine` is that of the program, as ELF numbers it; 0: unknown. `modules` are loaded files that are known
        from elsewhere.
        """
        self.file, self.importer, self.machine, self.modules = file, importer, machine, modules
        # What another tool tells: it grows as chunks are taken.
        self.beside = Beside([], [], {}, {}, [], ToldSums(), {}, {})
        self.path = file.path
        self.format = OURS if importer is None else importer.source
        self.sign = None if importer is None else importer.sign
        self._lacks = () if importer is None else importer.lacks

    @cached_property
    def header(self) -> Optional[Header]:
        """Its first header. None: it is another tool's. Raises Trouble if it cannot be read."""
        return parse_header(self.file.head) if self.importer is None else None

    def chunks(self) -> Iterator[bytes]:
        """Yields the bytes of a log of memtrace. Raises Trouble or FileError if they cannot be read."""
        file = self.file
        if self.importer is not None:
            return logged(self.items(), self.importer.hz, self.modules, self.beside)
        if self.header is None or not self.header.required & REQUIRED_UNSORTED:
            return file.chunks()
        if isinstance(file, CarriedLog) or not file.can_seek:
            raise Trouble(said("regions-unsorted"))
        return sorted_regions(file.at, file.size)

    def items(self) -> Iterator[Item]:
        """Yields what another tool's log tells."""
        return iter(()) if self.importer is None else self.importer.calls(self.file.chunks(), self.machine)

    @property
    def can_grow(self) -> bool:
        """Tells whether later() may yield anything: it is a plain file of memtrace's, in order."""
        is_ours = self.header is not None and not self.header.required & REQUIRED_UNSORTED
        return is_ours and isinstance(self.file, LogFile) and self.file.can_grow

    def later(self) -> Iterator[bytes]:
        """Yields what has come since all chunks were taken."""
        return self.file.later() if isinstance(self.file, LogFile) and self.can_grow else iter(())

    def again(self) -> Optional[OpenedLog]:
        """Returns the same log, to be read from its start once more. None if it can be read only once."""
        file = None if isinstance(self.file, CarriedLog) else self.file.again()
        return None if file is None else OpenedLog(file, self.importer, self.machine, self.modules)

    @property
    def lacks(self) -> Tuple[Said, ...]:
        """What such a log cannot tell, as sentences."""
        return tuple(LACKS[one] for one in self._lacks if one != MAPS or not self.modules)

    @property
    def has_addresses(self) -> bool:
        """Tells whether it names blocks by their addresses. If not, those that a replay shows are made up."""
        return ADDRESSES not in self._lacks

    @property
    def has_calls(self) -> bool:
        """Tells whether it lists calls or blocks, and not sums."""
        return EVENTS not in self._lacks

    @property
    def untold(self) -> FrozenSet[str]:
        """The names of the totals that such a log cannot tell."""
        return untold(self._lacks)

    def remarks(self) -> Tuple[Text, ...]:
        """Returns what the file lacks. It is complete when all chunks were taken."""
        return (*self.file.remarks, *self.beside.losses)


def log_in(file: LogFile, machine: int = 0, modules: Sequence[Module] = ()) -> Optional[OpenedLog]:
    """Returns the log that a file is. None if it is none. A log of memtrace that a file carries, amid a console's text
    for example, tells more than what that text lists.
    """
    importer = None if is_log(file.head) else importer_of(file.head)
    if importer is not None or is_log(file.head):
        return OpenedLog(file, importer, machine, modules)
    carried = log_carried_by(file)
    if carried is not None:
        return OpenedLog(carried, None, machine)
    importer = importer_amid(file.head, file.ahead())
    return None if importer is None else OpenedLog(file, importer, machine, modules)


def is_known(head: bytes) -> bool:
    """Tells whether a file begins as any log does, of memtrace or of another tool."""
    return is_log(head) or importer_of(head) is not None


def is_log(head: bytes) -> bool:
    """Tells whether a file begins as a log of memtrace does. A ring in a file does not."""
    return head[:8] == MAGIC and len(head) > HEADER_OFFSETS["flags"] and bool(head[HEADER_OFFSETS["flags"]] & FLAG_LOG)


def open_trace(path: str, machine: int = 0) -> Optional[OpenedLog]:
    """Opens a file as a log. None if it is none. Raises FileError or Trouble if it cannot be read."""
    return log_in(open_log(path), machine)
