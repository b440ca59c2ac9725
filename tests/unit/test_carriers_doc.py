# SPDX-License-Identifier: Apache-2.0
"""The code of log-to-flash.md and log-over-uart.md, typed in with the template's port: it logs what was allocated."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from gdbext.commands.monitor import summary
from gdbext.source.uart_frames import UartFrames
from tests.cli.shell import shell
from tests.support.paths import ROOT

HELPERS, PAGES = ROOT / "c_helpers", ROOT / "docs" / "how-to"
CODE = re.compile(r"^```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLASH = """
#include <stdio.h>
#include <string.h>

static uint8_t chip[64 << 12];

bool flash_read(struct memtrace_flash_ring *of, uint32_t offset, void *bytes, size_t count)
{
    memcpy(bytes, chip + offset + 0 * of->sectors, count);
    return true;
}

bool flash_program(struct memtrace_flash_ring *of, uint32_t offset, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        chip[offset + i] &= ((const uint8_t *)bytes)[i];
    return of->sectors == 64;
}

bool flash_erase(struct memtrace_flash_ring *of, uint32_t offset)
{
    memset(chip + offset, 0xff, 1u << of->sector_bits);
    return true;
}

static void log_end(void)
{
    fwrite(chip, 1, sizeof chip, stdout);
}
"""
LINE = """
#include <stdio.h>

bool line_send(struct memtrace_uart *of, const uint8_t *bytes, size_t count)
{
    return of == &uart && fwrite(bytes, 1, count, stdout) == count;
}

static void log_end(void)
{
    printf("the console's text\\n");
}
"""
MAIN = """
int main(void)
{
    if (!log_start())
        return 1;
    for (unsigned i = 0; i < 20000; i++) {
        void *block = (void *)(uintptr_t)(4096u + i % 100u * 16u);
        memtrace_alloc(MEMTRACE_CALLER(), block, i + 1u, 0);
        memtrace_free(MEMTRACE_CALLER(), block, 0);
        if (i % 50 == 0)
            memtrace_sink_poll();
    }
    memtrace_stop();
    memtrace_sink_poll();
    log_end();
    return 0;
}
"""
USED = ("memtrace_sink.c", "sink.c", "ring_view.c", "checksum.c")


@pytest.mark.parametrize(
    ("page", "carrier", "harness", "lost"),
    [("log-to-flash", "flash_ring.c", FLASH, True), ("log-over-uart", "uart_frames.c", LINE, False)],
)
def test_the_documents_code_logs(page: str, carrier: str, harness: str, lost: bool, tmp_path: Path) -> None:
    (code,) = CODE.findall((PAGES / f"{page}.md").read_text())
    source, made, log = tmp_path / "firmware.c", tmp_path / "firmware", tmp_path / "carrier"
    source.write_text(code + harness + MAIN)
    flags = ["-std=gnu11", "-O1", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror"]
    places = [f"-I{HELPERS / name}" for name in ("include", "sinks", "ports/template")]
    sources = [*sorted((HELPERS / "recorder").glob("*.c")), *(HELPERS / "sinks" / name for name in (*USED, carrier))]
    sources += [HELPERS / "log" / "memtrace_log.c", source]
    subprocess.run(["gcc", *flags, *places, *map(str, sources), "-o", str(made)], check=True)
    log.write_bytes(subprocess.run([str(made)], stdout=subprocess.PIPE, check=True, timeout=600).stdout)
    events = shell("log", "--all", log)["events"]
    sizes = [event["size"] for event in events if event["kind"] == "alloc"]
    assert sizes == list(range(20_001 - len(sizes), 20_001))
    # A partition of 256 KiB has the newest 7/8, in events of 32 bytes; a line has all of them.
    assert 3000 < len(sizes) < 4200 if lost else len(sizes) == 20_000


def test_the_monitors_words_are_those_of_the_page() -> None:
    frames = UartFrames()
    frames.frames = 1204
    page = (PAGES / "log-over-uart.md").read_text()
    assert f"memtrace: {summary(frames, 'board.log')}\n" in page
