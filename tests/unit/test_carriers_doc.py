# SPDX-License-Identifier: Apache-2.0
"""The code of log-to-flash.md and log-over-uart.md, typed in with the template's port: it logs what was allocated."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from gdbext.commands.monitor import summary
from gdbext.source.uart_frames import UartFrames
from gdbext.trace.log import LogReader
from gdbext.trace.log_event import LogEvent
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
USED = ("memtrace_sink.c", "sink.c", "ring_view.c", "checksum.c", "flash_ring.c", "uart_frames.c")


def typed_in(page: str, harness: str, main: str, folder: Path) -> Path:
    """What the page's program leaves: a partition, or what came over a line."""
    (code,) = CODE.findall((PAGES / f"{page}.md").read_text())
    source, made, log = folder / "firmware.c", folder / "firmware", folder / "carrier"
    source.write_text(code + harness + main)
    flags = ["-std=gnu11", "-O1", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror"]
    places = [f"-I{HELPERS / name}" for name in ("include", "sinks", "ports/template")]
    sources = [*sorted((HELPERS / "recorder").glob("*.c")), *(HELPERS / "sinks" / name for name in USED)]
    sources += [HELPERS / "log" / "memtrace_log.c", source]
    command = ["gcc", *flags, *places, "-ffunction-sections", "-Wl,--gc-sections", *map(str, sources), "-o", str(made)]
    subprocess.run(command, check=True)
    log.write_bytes(subprocess.run([str(made)], stdout=subprocess.PIPE, check=True, timeout=600).stdout)
    return log


def sizes_in(log: Path) -> list[int]:
    return [event["size"] for event in shell("log", "--all", log)["events"] if event["kind"] == "alloc"]


def test_the_flash_has_the_newest_events(tmp_path: Path) -> None:
    """A partition of 256 KiB has the newest seven eighths at least, in events of 32 bytes."""
    sizes = sizes_in(typed_in("log-to-flash", FLASH, MAIN, tmp_path))
    assert sizes == list(range(20_001 - len(sizes), 20_001))
    assert 3000 < len(sizes) < 4096


def test_the_line_has_all_events(tmp_path: Path) -> None:
    assert sizes_in(typed_in("log-over-uart", LINE, MAIN, tmp_path)) == list(range(1, 20_001))


def test_what_a_line_that_is_too_slow_had_no_time_for_is_counted(tmp_path: Path) -> None:
    """It is drained so seldom that the ring is written over in between."""
    log = typed_in("log-over-uart", LINE, MAIN.replace("i % 50 == 0", "i % 4999 == 0"), tmp_path)
    reader = LogReader()
    events = [*reader.feed(UartFrames().feed(log.read_bytes()).log), *reader.finish()][1:]
    assert all(isinstance(event, LogEvent) for event in events) and reader.unread == 0
    assert len(events) + reader.lost >= 40_001 and reader.lost > 30_000
    numbers = [event.seq for event in events if isinstance(event, LogEvent) and event.seq is not None]
    assert numbers == sorted(set(numbers)) and reader.lost == numbers[-1] + 1 - len(numbers)


def test_the_monitors_words_are_those_of_the_page() -> None:
    frames = UartFrames()
    frames.frames = 1204
    page = (PAGES / "log-over-uart.md").read_text()
    assert f"memtrace: {summary(frames, 'board.log')}\n" in page
