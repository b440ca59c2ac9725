# SPDX-License-Identifier: Apache-2.0
"""What binutils say of an ELF file of this machine: its build-id, and where each function's first call returns to."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def build_id(path: Path) -> str:
    """The build-id as hex."""
    text = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True).stdout
    return text.split("Build ID: ")[1].split()[0]


def return_addresses(path: Path) -> dict[str, int]:
    """The address behind the first call in each function, by the function's name."""
    text = subprocess.run(["objdump", "-d", path], capture_output=True, text=True, check=True).stdout
    found: dict[str, int] = {}
    for part in text.split("\n\n"):
        function = re.search(r"^[0-9a-f]+ <(\w+)>:$", part, re.MULTILINE)
        call = re.search(r"\tcall .*\n +([0-9a-f]+):", part)
        if function and call:
            found[function[1]] = int(call[1], 16)
    return {name: place for name, place in found.items() if not name.startswith("_")}
