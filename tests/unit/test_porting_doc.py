# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/porting.md, typed in: its code with the template's port, its flags, and what is then in the ring."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.support import recorder
from tests.support.paths import ROOT

TEXT = (ROOT / "docs" / "how-to" / "porting.md").read_text()
CODE = re.findall(r"^```c\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
WRAPPED = re.findall(r"-Wl,(?:--wrap=\w+,?)+", TEXT)
PORTS = ROOT / "c_helpers" / "ports"
HEAD = """
#include <stdio.h>
#include <stdlib.h>
#include "memtrace.h"
void *__real_malloc(size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
"""
# The document leaves calloc to its reader.
MAIN = """
void *__wrap_calloc(size_t count, size_t size)
{
    void *block = __real_malloc(count * size);
    memtrace_alloc(MEMTRACE_CALLER(), block, count * size, 0);
    return block;
}
int main(void)
{
    recorder_start();
    void *volatile block = malloc(100);
    block = realloc(block, 5000);
    free(block);
    fprintf(stderr, "%u", (unsigned)memtrace_ring->head);
    memtrace_ring = NULL;
    port_check();
    return 0;
}
"""


def test_the_documents_code_records(tmp_path: Path) -> None:
    assert len(CODE) == 3 and len(WRAPPED) == 1
    source, made = tmp_path / "firmware.c", tmp_path / "firmware"
    source.write_text("\n".join([HEAD, *CODE, MAIN]))
    flags = ["-std=c11", "-O1", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror", WRAPPED[0]]
    places = [f"-I{folder}" for folder in (ROOT / "c_helpers" / "include", PORTS / "template", PORTS / "selftest")]
    sources = [*sorted((recorder.HELPERS / "recorder").glob("*.c")), PORTS / "selftest" / "memtrace_port_selftest.c"]
    subprocess.run(["gcc", *flags, *places, str(source), *map(str, sources), "-o", str(made)], check=True)
    done = subprocess.run([str(made)], check=True, capture_output=True, text=True, timeout=60)
    assert int(done.stderr) >= 4, "an allocation, a reallocation's two, a free"
    assert done.stdout == "memtrace_port_stack: not the stack in use, or more than it\n", "the template's first FIXME"
