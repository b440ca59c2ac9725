# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of logs appear."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from gdbext.trace.log import LogReader
from tests.docs.sentences.world import refused
from tests.support.log import Log
from tests.support.ring import Ring


def read(data: bytes) -> list[Any]:
    reader = LogReader()
    return [*reader.feed(data), *reader.finish()]


def many_streams() -> Any:
    log = Log(required=2)
    for number in range((1 << 16) + 1):
        log.stream(number, 0, 0)
    return refused(lambda: read(log.data))


def without_zstd() -> Any:
    log = Log(required=1)
    log.pack(0, 0, [(1, 2, 3, 1)], [0], 1)
    with patch.dict(sys.modules, {"zstandard": None}):
        return refused(lambda: read(log.data))


RECIPES: dict[str, Callable[[], Any]] = {
    "a ring as a log": lambda: refused(lambda: read(Ring().data())),
    "many streams": many_streams,
    "zstd is missing": without_zstd,
}
