# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/write-a-log.md, typed in with the template's port: its file and its dump have what was allocated."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from gdbext.trace.log import ALLOC, FREE, LogEvent, LogReader
from tests.support.paths import ROOT

HELPERS = ROOT / "c_helpers"
TEXT = (ROOT / "docs" / "how-to" / "write-a-log.md").read_text()
CODE = re.findall(r"^```c\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
HEAD = """
#include <stdbool.h>
#include <stdio.h>
#define LOG_FOLDER "."
static bool send_all(void *connection, const void *bytes, size_t count)
{
    return fwrite(bytes, 1, count, connection) == count;
}
"""
MAIN = """
int main(void)
{
    log_start();
    for (unsigned i = 0; i < 5000; i++) {
        void *block = (void *)(uintptr_t)(4096u + i % 100u * 16u);
        memtrace_alloc(MEMTRACE_CALLER(), block, i + 1u, 0);
        memtrace_free(MEMTRACE_CALLER(), block, 0);
        if (i % 50 == 0)
            log_task();
    }
    memtrace_stop();
    log_task();
    FILE *dump = fopen("dump", "wb");
    return dump_send(dump) && fclose(dump) == 0 ? 0 : 1;
}
"""
USED = ("memtrace_sink.c", "sink.c", "ring_view.c", "memtrace_file.c", "memtrace_dump.c")


def events(path: Path) -> list[LogEvent]:
    reader = LogReader()
    found = [*reader.feed(path.read_bytes()), *reader.finish()]
    assert reader.unread == 0
    return [item for item in found if isinstance(item, LogEvent)]


def test_the_documents_code_writes_logs(tmp_path: Path) -> None:
    assert len(CODE) == 2
    source, made = tmp_path / "firmware.c", tmp_path / "firmware"
    source.write_text("\n".join([HEAD, *CODE, MAIN]))
    flags = ["-std=gnu11", "-O1", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror"]
    places = [f"-I{HELPERS / name}" for name in ("include", "sinks", "ports/template")]
    sources = [*sorted((HELPERS / "recorder").glob("*.c")), *(HELPERS / "sinks" / name for name in USED)]
    sources += [HELPERS / "log" / "memtrace_log.c", source]
    subprocess.run(["gcc", *flags, *places, *map(str, sources), "-o", str(made)], check=True)
    assert subprocess.run([str(made)], cwd=tmp_path, timeout=600).returncode == 0
    log, dump = events(tmp_path / "MEMTRACE.LOG"), events(tmp_path / "dump")
    assert [event.kind for event in log[:-1]] == [ALLOC, FREE] * 5000
    assert [event.size for event in log[:-1:2]] == list(range(1, 5001))
    assert dump == log[-len(dump) :] and len(dump) > 300
