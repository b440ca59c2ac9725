# SPDX-License-Identifier: Apache-2.0
"""A damaged heap of 32 MB: over QEMU's stub in GDB, until the first line and in all, and as a core in the shell."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.bench import Row
from tests.support.core import write_core
from tests.support.gdb import SOURCE, Capture, GdbSession, remote, run_gdb
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.tlsf_image import Shape, heap_image, payloads

_BASE, _SIZE = 0x8010_0000, 32 << 20
_HEAP = f"multi_heap@{_BASE:#x}"
_CHECK = f"heap-check --heap {_HEAP}"
_MEMORY = 3 * _SIZE / 1e6 + 60  # MB: three times what is read, and 60
_LEAVE = "python import os; os._exit(0)"


def _damaged(count: int, size: int) -> bytes:
    """So many blocks of about this size, every eighth free, and the rest of the heap in one; a header in the middle is
    overwritten.
    """
    blocks = [(size + 8 * (number % 5 - 2), number % 8 != 6) for number in range(count)]
    left = _SIZE - len(heap_image(_BASE, blocks))
    blocks.append((left // 4 * 4 - 4, False))
    data, middle = bytearray(heap_image(_BASE, blocks)), payloads(_BASE, blocks, Shape())[count // 2] - _BASE
    data[middle - 12 : middle] = b"\xa5" * 12
    return bytes(data)


@contextmanager
def _chip(folder: Path, data: bytes) -> Iterator[Qemu]:
    image = folder / "image"
    image.write_bytes(data)
    loader = f"loader,file={image},addr={_BASE:#x},force-raw=on"
    with Qemu(memory=128, extra=["-device", loader]) as chip:
        yield chip


def _live(folder: Path, what: str, data: bytes, reads: int) -> Iterable[Row]:
    with _chip(folder, data) as chip:
        lines = ["set architecture riscv:rv32", SOURCE, remote(chip.remote)]
        done = run_gdb([*lines, Capture(f"{_CHECK} --json"), _LEAVE], timeout=600)
    cost = done.json()["cost"]
    yield Row(f"heap-check, {what}, QEMU", done.captured[0].seconds, 10, "s", f"{done.captured[0].cpu:.1f} s of CPU")
    yield Row("the same: reads", cost["reads"], reads, "", f"{cost['bytes']:,} bytes")
    with _chip(folder, data) as chip, GdbSession(timeout=600) as gdb:
        for line in lines[:2]:
            gdb.command(line)
        gdb.command(remote(chip.remote))
        began = time.monotonic()
        gdb.send(f"{_CHECK}\n")
        gdb.expect(r"memtrace: [\d,]+ |DAMAGE 1")
        yield Row("the same: until the first line", time.monotonic() - began, 2, "s")


def _of_core(folder: Path, what: str, data: bytes, bound: float | None) -> Iterable[Row]:
    core = write_core(folder / "core", [(_BASE, data)])
    began = time.monotonic()
    child = os.posix_spawn(
        sys.executable,
        # of the child alone: by its own count, because a new process inherits the largest size of its parent
        [sys.executable, "-S", "-c", _SPAWN, sys.executable, "-m", "gdbext", "check", str(core), "--heap", _HEAP],
        {**os.environ, "PYTHONPATH": str(ROOT)},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, str(folder / "told"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)],
    )
    os.waitpid(child, 0)
    seconds, peak = time.monotonic() - began, int((folder / "told").read_text().split()[-1]) * 1024 / 1e6
    yield Row(f"memtrace check, {what}, core", seconds, bound, "s", "process")
    yield Row("the same: memory", peak, _MEMORY, "MB", "largest resident set")


_SPAWN = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def rows() -> Iterable[Row]:
    """Few blocks with nearly all of the heap free, and 100,000; of a core also as many as it may have."""
    with tempfile.TemporaryDirectory() as folder:
        for count, size, reads in ((40, 400, 300), (100_000, 300, 3000)):
            what, data = f"32 MB, {count:,} blocks, damaged", _damaged(count, size)
            yield from _live(Path(folder), what, data, reads)
            yield from _of_core(Path(folder), what, data, 3)
        most = 560_000
        yield from _of_core(Path(folder), f"32 MB, {most:,} blocks, damaged", _damaged(most, 52), None)
