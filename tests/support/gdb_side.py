# SPDX-License-Identifier: Apache-2.0
"""What the harness loads into GDB: runs a command and writes what it printed, whole, to a file as JSON.

Standard output of a GDB in batch mixes a command's text with GDB's own; a file does not. Sourced by tests.support.gdb
before the first captured command; sees GDB's embedded Python only.
"""

from __future__ import annotations

import json
import time

import gdb


def memtrace_capture(path: str, command: str) -> None:
    """Run `command`; write {"output", "error", "seconds", "cpu"} to `path` and show the output as usual."""
    started, cpu = time.perf_counter(), time.process_time()
    output, error = "", None
    try:
        output = gdb.execute(command, to_string=True)
    except gdb.error as caught:
        error = str(caught)
    result = {
        "output": output,
        "error": error,
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(result, file)
    gdb.write(output)
    if error is not None:
        gdb.write(error + "\n", gdb.STDERR)
