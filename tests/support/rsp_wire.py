# SPDX-License-Identifier: Apache-2.0
"""Packets of GDB's remote protocol: `$data#checksum`, acknowledgements and the lone 0x03 of Ctrl-C.

`Splitter` is fed whatever a socket gave and yields whole items, so both ends of a connection can be read with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

INTERRUPT = b"\x03"
KINDS = ("vCont?", "vCont", "vMustReplyEmpty", "vKill", "vRun", "vFile", "vAttach")


def checksum(data: bytes) -> int:
    """The sum that stands behind `#`."""
    return sum(data) & 0xFF


def escaped(data: bytes) -> bytes:
    """Return `data` with the bytes that the protocol gives a meaning escaped, for binary contents."""
    return re.sub(rb"[#$}*]", lambda match: b"}" + bytes([match[0][0] ^ 0x20]), data)


def unescaped(data: bytes) -> bytes:
    """Undo `escaped`."""
    return re.sub(rb"\}(.)", lambda match: bytes([match[1][0] ^ 0x20]), data, flags=re.DOTALL)


def packet(data: bytes) -> bytes:
    """Return `data` framed."""
    return b"$%b#%02x" % (data, checksum(data))


def kind(data: bytes) -> str:
    """The kind of a request: its letter; with its number for Z and z; the name for q, Q and v."""
    text = data.decode("latin-1")
    if text[:1] in ("q", "Q"):
        return re.split(r"[:,;]", text, maxsplit=1)[0]
    if text[:1] == "v":
        return next((name for name in KINDS if text.startswith(name)), text.split(";")[0])
    return text[:2] if text[:1] in ("Z", "z") else text[:1]


class Splitter:
    """Turns a stream into items: whole packets as they came, `+`, `-` and 0x03."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more of the stream, yield every item that is whole."""
        self._rest += data
        while self._rest:
            end = self._end()
            if end is None:
                return
            item, self._rest = self._rest[:end], self._rest[end:]
            yield item

    def _end(self) -> int | None:
        if self._rest[:1] != b"$":
            return 1
        mark = self._rest.find(b"#")
        return mark + 3 if 0 <= mark <= len(self._rest) - 3 else None


def contents(item: bytes) -> bytes | None:
    """The contents of a packet whose checksum is right; None if it is wrong."""
    data = item[1:-3]
    return data if item[-2:].lower() == b"%02x" % checksum(data) else None
