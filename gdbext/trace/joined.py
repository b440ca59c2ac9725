# SPDX-License-Identifier: Apache-2.0
"""Makes one log of several files of one process, in order.

Approach: logs of events follow each other; of ours, a file that begins with the header of the one before goes on with
its run. Listings, such as checkpoints, are states: what the next one lacks was freed in between, what it has more was
allocated, and the end of each file is a mark with its name. So growth is judged from file to file, and `--since` and
`--at` take a file's name. Blocks without addresses are told apart by what else the listing says of them.
Rejected: sums of all files (a block in three checkpoints is one block).
Cost: of listings, the blocks of two files in memory.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from gdbext.model.said import Text, said
from gdbext.source.log_header import log_header_size
from gdbext.trace.importers import ADDRESSES, CALLS, Call, Item, Marked, Remark
from gdbext.trace.logged import logged
from gdbext.trace.opened import OpenedLog


class JoinedLog(OpenedLog):
    """Several files of one format as one log."""

    def __init__(self, logs: Sequence[OpenedLog]) -> None:
        first = logs[0]
        super().__init__(first.file, first.importer, first.machine, first.modules)
        self._logs = logs
        self.path = ", ".join(log.path for log in logs)

    def chunks(self) -> Iterator[bytes]:
        """Yields the bytes of a log of memtrace. Raises Trouble or FileError if they cannot be read."""
        if self.importer is None:
            return _ours(self._logs)
        named = [(os.path.basename(log.path), log.items()) for log in self._logs]
        lacks = self.importer.lacks
        items = moved(named, ADDRESSES not in lacks) if CALLS in lacks else _followed(named)
        return logged(items, self.importer.hz, self.modules, self.beside)

    @property
    def can_grow(self) -> bool:
        """False: only the last file could."""
        return False

    def again(self) -> Optional[OpenedLog]:
        """Returns the same log, to be read from its start once more. None if it can be read only once."""
        logs = [log.again() for log in self._logs]
        whole = [log for log in logs if log is not None]
        return JoinedLog(whole) if len(whole) == len(logs) else None

    def remarks(self) -> Tuple[Text, ...]:
        """Returns what the files lack. It is complete when all chunks were taken."""
        return (*(one for log in self._logs for one in log.file.remarks), *self.beside.losses)


def _ours(logs: Sequence[OpenedLog]) -> Iterator[bytes]:
    """Yields the bytes of logs of memtrace. A record that is cut off at the end of a file is left out."""
    known = b""
    for log in logs:
        size = 1 if log.header is None else log.header.event_size
        rest, is_start = b"", True
        for chunk in log.chunks():
            data = rest + chunk
            if is_start:
                length = log_header_size(data)
                length += -length % size
                is_start, begins = False, data[:length]
                data, known = (data[length:] if begins == known else data), begins
            whole = len(data) - len(data) % size
            rest = data[whole:]
            yield data[:whole]


def _followed(files: Iterable[Tuple[str, Iterator[Item]]]) -> Iterator[Item]:
    """Yields the items of files that follow each other."""
    for name, items in files:
        yield from (_of(name, item) for item in items)
        yield Marked(name)


def moved(files: Iterable[Tuple[str, Iterator[Item]]], has_addresses: bool) -> Iterator[Item]:
    """Yields how the first listing becomes the next one, and that the one after it. What is no block passes."""
    state: Dict[Call, List[int]] = {}  # addresses of the blocks that are live, which are made up if there are none
    made_up = 0
    for number, (name, items) in enumerate(files):
        held: Dict[int, Call] = {}
        for item in items:
            if not isinstance(item, Call):
                yield _of(name, item)
            elif item.freed:
                held.pop(item.address, None)
            else:
                held[item.address] = item
        found = Counter(_key(call, has_addresses) for call in held.values())
        for key, addresses in state.items():
            while len(addresses) > found[key]:
                yield Call(addresses.pop(), freed=True)
        state = {key: addresses for key, addresses in state.items() if addresses}
        for key, count in sorted(found.items(), key=lambda one: one[0].time or 0):
            addresses = state.setdefault(key, [])
            while len(addresses) < count:
                made_up += 1
                addresses.append(key.address or made_up)
                yield key._replace(address=addresses[-1], listed=number == 0)
        yield Marked(name)


def _of(name: str, item: Item) -> Item:
    """Returns what a file tells; a remark with the file's name."""
    return item._replace(text=said("of-file", file=name, why=item.text)) if isinstance(item, Remark) else item


def _key(call: Call, has_address: bool) -> Call:
    """Returns what two listings say of a block that is in both."""
    return call if has_address else call._replace(address=0)
