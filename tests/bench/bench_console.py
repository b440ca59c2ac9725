# SPDX-License-Identifier: Apache-2.0
"""What the console costs a chip: bytes of code and constants, bytes of stack.

Linked as a firmware is, so calls have the length that they need; the linker's map says which file each byte is of,
texts in quotes too.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.bench.bench_recorder import CC, FLAGS, FOLDERS, RECORDER, SMALL, stack_bytes
from tests.support.bench import Row
from tests.support.paths import ROOT

HELPERS = ROOT / "c_helpers"
CONSOLE = sorted((HELPERS / "console").glob("*.c"))
READER = HELPERS / "sinks" / "ring_view.c"
DOUBLE_FREE = "memtrace_double_free"
PROGRAM = """
#include "memtrace_console.h"
#include "memtrace_double_free.h"
#include "memtrace_leaks.h"
extern const struct memtrace_console_output output;
int main(void)
{
    memtrace_leaks_begin(NULL, 0);
    memtrace_leaks_end(&output);
    memtrace_double_free_to(&output);
    memtrace_freed_unknown(8);
    return memtrace_console("show", &output);
}
"""
SECTION = re.compile(r"^ \.(?:text|s?rodata)\S*\s+0x[0-9a-f]+\s+0x([0-9a-f]+) \S*?(\w+)\.o$", re.MULTILINE)


def rows() -> Iterable[Row]:
    """The sizes, and the deepest stack of a command."""
    sizes = text_bytes()
    console = sum(sizes[path.stem] for path in CONSOLE if path.stem != DOUBLE_FREE)
    note = f"c_helpers/console, code and constants; -Os {' '.join(SMALL)}"
    yield Row("console: commands and report of leaks", console, 4096, "bytes", note)
    yield Row("double free with both stacks", sizes[DOUBLE_FREE], None, "bytes", "only with MEMTRACE_DOUBLE_FREE")
    yield Row("what both use of ring_view.c", sizes[READER.stem], None, "bytes", "a sink has most of it already")
    entries = ("memtrace_console", "memtrace_leaks_end", "memtrace_freed_unknown")
    sources = [*CONSOLE, READER, *RECORDER.glob("*.c")]
    yield Row("console stack", stack_bytes(entries, list(SMALL), "-Os", sources), None, "bytes", "without the output's")


def text_bytes() -> Counter[str]:
    """Bytes of each file, by its name without the ending."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = folder / "program.c"
        program.write_text(PROGRAM)
        objects = []
        for source in [program, *RECORDER.glob("*.c"), *CONSOLE, READER]:
            made = folder / f"{source.stem}.o"
            includes = [f"-I{ROOT / one}" for one in (*FOLDERS, "c_helpers/console")]
            options = ["-Os", *SMALL, "-fdata-sections", "-DMEMTRACE_QUICK=0", *includes]
            subprocess.run([CC, *FLAGS, *options, "-c", str(source), "-o", str(made)], check=True)
            objects.append(str(made))
        given = [
            f"-Wl,--defsym={symbol}=0x80080000" for symbol in ("board_running", "memtrace_port_build_id", "output")
        ]
        script = ["-T", str(ROOT / "tests/target/rv32_virt/link.ld"), "-Wl,--no-warn-rwx-segments,--gc-sections"]
        options = [*given, *script, "-Wl,--defsym=_start=main,--entry=main", f"-Wl,-Map={folder / 'map'}"]
        subprocess.run([CC, *FLAGS, "-nostartfiles", *options, *objects, "-o", str(folder / "elf")], check=True)
        listing = (folder / "map").read_text()
    found: Counter[str] = Counter()
    for size, stem in SECTION.findall(listing[listing.index("Linker script and memory map") :]):
        found[stem] += int(size, 16)
    return found
