# SPDX-License-Identifier: Apache-2.0
"""The console logs of the shared fixtures, with their truth, and the symbol tables of their builds."""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from typing import Any

from tests.support.paths import SHARED, require

CONSOLE = SHARED / "fixtures" / "console"


@lru_cache(maxsize=1)
def manifest() -> dict[str, dict[str, Any]]:
    """What is true of each log, by its id."""
    text = require(CONSOLE / "manifest.json").read_text(encoding="utf-8")
    return {log["id"]: log for log in json.loads(text)["logs"]}


def log_bytes(name: str) -> bytes:
    """The bytes of a log as they were captured."""
    path = require(CONSOLE / manifest()[name]["file"])
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


@lru_cache(maxsize=16)
def symbols(path: str) -> dict[int, dict[str, Any]]:
    """The table of a build: what stands at each address of its logs."""
    table = json.loads(gzip.decompress(require(CONSOLE / path).read_bytes()))
    return {int(address, 16): told for address, told in table["addresses"].items()}
