# SPDX-License-Identifier: Apache-2.0
"""Flash images with known truth (shared/fixtures/flash, whose README says what each field means)."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.support.paths import SHARED, require

FLASH = SHARED / "fixtures" / "flash"
Case = dict[str, Any]


@lru_cache(maxsize=1)
def cases() -> dict[str, Case]:
    """The cases of the manifest, by their ids."""
    manifest = json.loads(require(FLASH / "manifest.json").read_text(encoding="utf-8"))
    return {case["id"]: case for case in manifest["cases"]}


def image_of(case: Case) -> Path:
    """The file of a case, packed or not."""
    return FLASH / str(case["file"])


def contents_of(case: Case) -> list[bytes]:
    """What a correct tool may take out, in full."""
    return [_content(one) for one in case["acceptable"] or ()]


def _content(told: Any) -> bytes:
    data = b"".join(
        bytes([piece["fill"]]) * piece["length"] if piece.get("fill") is not None else _stream(piece)
        for piece in told["pieces"]
    )
    assert hashlib.sha256(data).hexdigest() == told["sha256"]
    return data


def _stream(piece: Any) -> bytes:
    seed, end = piece["seed"].encode(), piece["offset"] + piece["length"]
    rest = (hashlib.sha256(seed + number.to_bytes(4, "little")).digest() for number in range(end // 32 + 1))
    data = b"MEMTRACE\x01\x00\x20\x00" + hashlib.sha256(seed).digest()[:20] + b"".join(rest)
    return data[piece["offset"] : end]
