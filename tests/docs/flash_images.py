# SPDX-License-Identifier: Apache-2.0
"""The flash of a chip and the SD card that docs/how-to/take-a-log-out-of-flash.md looks at.

The chip has media_lib's TRACE.LOG in a SPIFFS. The card has a log of memtrace's own, of the same calls, in a FAT that
mkfs.fat made.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cli.shell import memtrace
from tests.support.partition_table import APP, DATA, dump
from tests.support.paths import SHARED, require
from tests.support.spiffs_image import Sizes, spiffs

_CARD_BYTES = 4 << 20


def flash_images(folder: Path) -> dict[str, Path]:
    """The images, and the program of both logs."""
    logs = require(SHARED / "fixtures" / "logs")
    log = logs / "media_lib" / "ml-leaky-rv.log"
    storage = spiffs({"/settings.txt": b"volume=11\n" * 12, "/TRACE.LOG": log.read_bytes()}, Sizes(total=1 << 17))
    flash = dump(("nvs", DATA, 2, bytes(0x6000)), ("factory", APP, 0, bytes(1 << 16)), ("storage", DATA, 0x82, storage))
    (folder / "flash.bin").write_bytes(flash)
    run = folder / "run1.mtr"
    assert memtrace("convert", log, run).status == 0
    card = folder / "sdcard.img"
    card.write_bytes(bytes(_CARD_BYTES))
    for line in (["mkfs.fat", "-i", "12345678", str(card)], ["mmd", "-i", str(card), "::/logs"]):
        subprocess.run(line, check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", str(card), str(run), "::/logs/RUN1.MTR"], check=True, capture_output=True)
    names = ("flash.bin", "sdcard.img", "taken.log")
    return {**{name: folder / name for name in names}, "player.elf": logs / "elf" / "player.rv.elf"}
