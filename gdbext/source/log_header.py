# SPDX-License-Identifier: Apache-2.0
"""What carriers of a log know of it: its header.

A flash ring and a serial line carry a log in parts (docs/reference/format.md, sections 13 and 14). Each part begins
with a header and defines what it names, so that it can be read without the others. In a log a header says that the
program has started again. So readers of carriers leave out the headers of parts that go on with a run.
Rejected: a mark in the header (every reader of logs would have to know it, and a part could not stand alone).
"""

from __future__ import annotations

LOG_MAGIC = b"\x89MEMTRC\n"
_BYTE_ORDER, _SIZE, _SIZE_END = 8, 14, 16  # places in the header


def log_header_size(data: bytes) -> int:
    """Returns how many of these bytes are the log's header. 0 if they do not begin with a whole one."""
    size = int.from_bytes(data[_SIZE:_SIZE_END], "big" if data[_BYTE_ORDER : _BYTE_ORDER + 1] == b"\2" else "little")
    return size if data[: len(LOG_MAGIC)] == LOG_MAGIC and _SIZE_END <= size <= len(data) else 0
