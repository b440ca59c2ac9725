# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of a console's text appear."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gdbext.console.names import Programs
from gdbext.model.said import Said
from gdbext.report.decode import Decoder
from tests.support.panic_program import panic


def decoded(text: bytes, has_program: bool = True) -> Any:
    """What is said in a text that is decoded."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.elf"
        path.write_bytes(panic().elf)
        decoder = Decoder(Programs([str(path)] if has_program else []).of)
        list(decoder.add(text))
        list(decoder.finish())
        return tuple(_without(f"{folder}/", remark) for remark in decoder.remarks)


def _without(folder: str, remark: Said) -> Said:
    """The same, without a folder that has another name each time."""
    values = ((name, value.replace(folder, "") if isinstance(value, str) else value) for name, value in remark.values)
    return Said(remark.key, tuple(values))


def changed(pattern: bytes, new: bytes) -> bytes:
    """The text of a crash with something else in it."""
    return re.sub(pattern, new, panic().text)


BUILD_ID = b"build-id: 0123456789abcdef"
SUM = rb"ELF file SHA256: \w+"

RECIPES: dict[str, Callable[[], Any]] = {
    "a crash whose stack is unwound": lambda: decoded(panic().text),
    "a crash at no code": lambda: decoded(changed(rb"MEPC    : 0x\w+", b"MEPC    : 0xdeadbeec")),
    "a crash of another build": lambda: decoded(changed(SUM, b"ELF file SHA256: 0123456789abcdef")),
    "a crash of another build-id": lambda: decoded(changed(SUM, BUILD_ID)),
    "a crash that does not tell its build": lambda: decoded(changed(SUM, b"")),
    "a crash without its program": lambda: decoded(panic().text, has_program=False),
    "a crash with a build-id, without its program": lambda: decoded(changed(SUM, BUILD_ID), has_program=False),
    "a crash that tells nothing, without its program": lambda: decoded(changed(SUM, b""), has_program=False),
}
