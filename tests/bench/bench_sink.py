# SPDX-License-Identifier: Apache-2.0
"""What a sink costs: instructions more an allocation, instructions of a drain an event, code, stack, memory.

The firmware's scenario `bench` runs twice, with and without a file sink that a timer's interrupt drains; the drain's
own instructions are counted around each poll.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from tests.bench.bench_recorder import RV32, SMALL, compiler_of, samples, stack_bytes
from tests.support import firmware
from tests.support.bench import Row
from tests.support.gdb import remote, run_gdb
from tests.support.paths import ROOT
from tests.support.qemu import Qemu

SINKS = ROOT / "c_helpers" / "sinks"
CORE = [*(SINKS / name for name in ("sink.c", "ring_view.c", "memtrace_sink.c")), ROOT / "c_helpers/log/memtrace_log.c"]
OTHERS = {"files": "memtrace_file.c", "the dump": "memtrace_dump.c"}
SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")


def rows() -> Iterable[Row]:
    """The bound first: nothing of a sink stands in an allocation's way."""
    with tempfile.TemporaryDirectory(prefix="mt-") as folder:
        machine = {"append": f"scenario=bench log={folder}/log", "extra": SEMIHOSTING}
        plain, logged = samples("bench"), samples("bench-log", **machine)
        for depth in (1, 16):
            more = median(logged[depth]) - median(plain[depth])
            note = f"file sink, stacks of {depth}; medians of {len(logged[depth]):,} events"
            yield Row("a sink's cost to an allocation", more, 40, "instructions", note)
        yield Row("a drain, an event", _drained(machine), None, "instructions", "encoding and the file's calls, -O2")
    yield Row("a sink's text, -Os", _text(CORE), None, "bytes", " ".join(SMALL))
    for name, source in OTHERS.items():
        yield Row(f"the same, {name}", _text([SINKS / source]), None, "bytes", source)
    for optimise in ("-O2", "-Os"):
        stack = stack_bytes(("memtrace_sink_poll",), [], optimise, CORE)
        yield Row(f"a poll's stack, {optimise}", stack, None, "bytes", "without the output's")


def _drained(machine: dict[str, object]) -> float:
    """Instructions of all polls, by the events that were issued meanwhile."""
    elf = firmware.build("bench-log")
    with Qemu(elf, icount="shift=0", append=str(machine["append"]) + "2", extra=SEMIHOSTING) as target:
        asked = ["break scenario_done", "continue", "p bench_drained", "p memtrace_ring->head"]
        done = run_gdb([remote(target.remote), *asked, "p memtrace_ring->events.count"], elf=elf)
    drained, head, count = (int(number) for number in re.findall(r"\$\d+ = (\d+)", done.stdout))
    return drained / ((head >> 20) * count + (head & 0xFFFFF))


def _text(sources: list[Path]) -> int:
    """Of the objects: no call was shortened by the linker."""
    with tempfile.TemporaryDirectory() as name:
        made = [Path(name) / f"{source.stem}.o" for source in sources]
        for source, target in zip(sources, made, strict=True):
            command = [*compiler_of(RV32), "-Os", *SMALL, "-c", str(source), "-o", str(target)]
            subprocess.run(command, check=True)
        listing = subprocess.run(
            ["riscv64-unknown-elf-size", *map(str, made)], check=True, capture_output=True, text=True
        )
    return sum(int(line.split()[0]) for line in listing.stdout.splitlines()[1:])
