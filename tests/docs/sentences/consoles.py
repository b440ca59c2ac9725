# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of a console's text appear."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gdbext.analyse.console import explained
from gdbext.console.names import Programs
from gdbext.console.reader import crashes_in
from gdbext.console.told import Names
from gdbext.model.said import Said
from gdbext.report.decode import Decoder
from gdbext.trace.console_records import record_in
from tests.support.own_console import line, stop
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


def recorded() -> Any:
    """What the records of memtrace's own console tell."""
    sizes = (300_000, 200_000, 150_000, 100_000)
    records = [
        ("B", "leaks", 0xF3, "-", 1000),
        ("H", "DRAM", "internal", 0x1804, *sizes),
        ("S", "internal", *sizes),
        ("S", "internal", *sizes, 201_000),
        ("C", 0x800, *sizes),
        ("K", "main", "X", 5, 5, 512, 1, 0x3FC0_0100, 0x3FC0_0000, 0x3FC0_1000),
        ("K", "idle", "R", 0, 0, 0, 2, 0, 0, 0),
        ("D", 5, "network", 100, 1, 300),
        ("D", "-", "-", 100, 1, 300),
        ("W", "alloc=1", "calloc=0"),
        ("U", 12, 0, 1, 100, "-", 3000, "recording"),
        ("L", 0x3FCA_0004, 100, 7, 4, 0x101, 530, 0x205, 0x4200_0700),
        ("Y", "internal", 1, 100),
        ("G", "blocks", 3, "stacks", 1, "full", 1),
        ("G", "blocks", 3, "stacks", 0, "full", 0),
        ("G", "blocks", 0xFFFF_FFFF, "stacks", 0, "full", 0),
    ]
    told, names = Names(), {4: "coap_rx", 0x101: "DRAM", 0x205: "network"}
    found = [record_in(line(*fields)) for fields in records]
    return [told.take(one, names) for one in found if one is not None]


def freed_twice() -> Any:
    """What is said of a double free that memtrace's own console has reported."""
    freed = line("F", 0x3FC9_3E60, 0, 0x2E00, 2, 0x4200_58C8)
    return explained(crashes_in([stop("double-free", "", 0x2F10, 2, (0x4200_5000,), freed).encode()]), lambda crash: ())


BUILD_ID = b"build-id: 0123456789abcdef"
SUM = rb"ELF file SHA256: \w+"

RECIPES: dict[str, Callable[[], Any]] = {
    "records of memtrace's own console": recorded,
    "a double free that memtrace's own console tells": freed_twice,
    "a crash whose stack is unwound": lambda: decoded(panic().text),
    "a crash at no code": lambda: decoded(changed(rb"MEPC    : 0x\w+", b"MEPC    : 0xdeadbeec")),
    "a crash of another build": lambda: decoded(changed(SUM, b"ELF file SHA256: 0123456789abcdef")),
    "a crash of another build-id": lambda: decoded(changed(SUM, BUILD_ID)),
    "a crash that does not tell its build": lambda: decoded(changed(SUM, b"")),
    "a crash without its program": lambda: decoded(panic().text, has_program=False),
    "a crash with a build-id, without its program": lambda: decoded(changed(SUM, BUILD_ID), has_program=False),
    "a crash that tells nothing, without its program": lambda: decoded(changed(SUM, b""), has_program=False),
}
