# SPDX-License-Identifier: Apache-2.0
"""What ESP-IDF's build leaves in its folder: the chip, the program, the partition table, where a log goes.

Approach: the files that `idf.py` itself reads. What is missing or wrong is None, as each is only a help.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, List, Optional

from gdbext.flash.partitions import Partition, table_at

CHIP_FILE, FLASH_FILE = "project_description.json", "flasher_args.json"
_TABLE = "partition_table/partition-table.bin"
_SAVED = re.compile(r'^CONFIG_MEDIA_LIB_MEM_TRACE_SAVE_PATH="([^"]*)"', re.MULTILINE)
_LARGEST = 1 << 20  # bytes of a file that is read


def entry(file: Path, *names: str) -> Optional[str]:
    """Returns the string at a path of names in a JSON file. None if anything is missing or wrong."""
    try:
        value: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


class EspBuild:
    """A build folder."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    @property
    def chip(self) -> Optional[str]:
        """The chip, as esptool and OpenOCD spell it."""
        chip = entry(self.folder / CHIP_FILE, "target")
        return chip if chip and re.fullmatch(r"esp\w+", chip) else None

    @property
    def program(self) -> Optional[str]:
        """The ELF file of the app, if it is there."""
        name = entry(self.folder / CHIP_FILE, "app_elf")
        return str(self.folder / name) if name and (self.folder / name).is_file() else None

    def partitions(self) -> List[Partition]:
        """Returns the rows of its partition table; none if it is not there."""
        name = entry(self.folder / FLASH_FILE, "partition-table", "file") or _TABLE
        return table_at(_bytes_of(self.folder / name), 0)

    @property
    def saved(self) -> Optional[str]:
        """The path on the chip to which media_lib writes its log."""
        told = entry(self.folder / CHIP_FILE, "config_file")
        files = (Path(told) if told else self.folder, self.folder.parent / "sdkconfig", self.folder / "sdkconfig")
        found = (_SAVED.search(_bytes_of(file).decode("utf-8", "replace")) for file in files)
        return next((one[1] for one in found if one), None)


def _bytes_of(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_LARGEST)
    except (OSError, ValueError):
        return b""
