# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the recorder: this very process maps a log as the recorder does, and a thread obeys what is asked."""

from __future__ import annotations

import mmap
import os
import struct
import threading
from pathlib import Path

from tests.support.log import Log

STATE, REQUEST, DONE, NAME, PROCESS = 132, 136, 140, 144, 400
NAME_BYTES, PAGE = 20, 4096
STATES = {0x101: 0, 0x103: 2}


class Recorded:
    """A process with a log. `asked` are the requests that were obeyed: the word and the name beside it."""

    def __init__(self, path: Path, *, obeys: bool = True, process: int | None = None) -> None:
        log = Log(pointer_size=8)
        struct.pack_into("<I", log.data, PROCESS, os.getpid() if process is None else process)
        path.write_bytes(log.data.ljust(PAGE, b"\0"))
        with path.open("r+b") as file:
            self.page = mmap.mmap(file.fileno(), PAGE)
        self.path, self.asked = path, list[tuple[int, bytes]]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._obey if obeys else self._over.wait)

    def _word(self, place: int, stored: int | None = None) -> int:
        if stored is not None:
            struct.pack_into("<I", self.page, place, stored)
        (found,) = struct.unpack_from("<I", self.page, place)
        return int(found)

    def _obey(self) -> None:
        while not self._over.wait(0.001):
            asked = self._word(REQUEST)
            if asked:
                self.asked.append((asked, self.page[NAME : NAME + NAME_BYTES].rstrip(b"\0")))
                self._word(STATE, STATES.get(asked, self._word(STATE)))
                self._word(REQUEST, 0)
                self._word(DONE, self._word(DONE) + 1)

    def ask(self, word: int) -> None:
        """Leaves a request as another host would."""
        self._word(REQUEST, word)

    def __enter__(self) -> Recorded:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.page.close()
