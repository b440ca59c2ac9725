# SPDX-License-Identifier: Apache-2.0
"""A terminal as a reader of the documents has it: a shell in a copy of the repository, and a GDB that is started in it.

Approach: each line of the shell is run by a bash of its own in the copy, so that a page may change files and nothing of
it is seen here. A line that ends with `&` stays until the terminal is closed. A line that starts a GDB opens one in a
pty; what is typed behind its prompt goes there until the next line of the shell.
What stands for the harness's own: the port 1234, for which a socket of this terminal is taken.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from types import TracebackType

from tests.docs.connections import connections
from tests.docs.flash_images import flash_images
from tests.export.recorded import ELF, recorded
from tests.support import firmware, fixtures, shop_processes, two_owners
from tests.support.gdb import AT_ONCE, WITH_PARENT, GdbSession
from tests.support.listings import blocks, dressed, memdump
from tests.support.made import damaged, makers
from tests.support.paths import ROOT, SHARED, require
from tests.support.scenario import run_scenario
from tests.support.signals import picture
from tests.support.tlsf_pools import FULL, LOADED, PLAIN, Pools

COPIED = ("examples", "c_helpers", "gdbext", "tests/target/heap", "tests/linux/devices")
OF_OTHERS = {  # files of other tools, in the folder that is the reader's
    "checkpoints": {
        **{f"{name}.txt": f"alloc_hook/ah-camera.{name}.txt" for name in ("one", "two", "three")},
        "camera.elf": "elf/camera.elf",
    },
    "heaptrack": {
        "heaptrack.shop.572.zst": "heaptrack/ht-shop.zst",
        "heaptrack.shop.572.raw.zst": "heaptrack/ht-shop.raw.zst",
        "heaptrack.desk.580.zst": "heaptrack/ht-desk.zst",
        "torn.heaptrack": "heaptrack/ht-torn-text.heaptrack",
        "shop.elf": "elf/shop.elf",
    },
    "python": {
        "trace.log": "py_malloc/py-leaky.log",
        "app.maps": "py_malloc/py-leaky.maps",
        "symbols": "py_malloc/symbols",
    },
    "valgrind": {
        "dhat.out.572": "valgrind/dhat-shop.json",
        "massif.out.580": "valgrind/massif-shop.out",
        "shop.elf": "elf/shop.elf",
    },
}
SEEN_IMAGES = {"tail": "a023", "fill": "a033", "bit": "a040"}
WAIT_SECONDS = 60.0
MEMTRACE = f"""\
#!/bin/sh
PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m gdbext "$@"
"""


def files_of(scenario: str, folder: Path) -> dict[str, Path]:
    """What stands for the files that a block names."""
    if scenario == "pools":
        image = folder / "ram.bin"
        image.write_bytes(Pools(PLAIN, [[*LOADED, (400, False)], FULL], 600).data)
        return {"ram.bin": image}
    if scenario == "processes":
        made = shop_processes.files()
        for name, data in made.items():
            (folder / name).write_bytes(data)
        return {name: folder / name for name in made}
    if scenario == "player":
        logs = require(SHARED / "fixtures" / "logs")
        files = {"TRACE.LOG": logs / "media_lib" / "ml-leaky-rv.log", "player.elf": logs / "elf" / "player.rv.elf"}
        files["STEADY.LOG"] = logs / "media_lib" / "ml-steady-rv.log"
        return {**files, "packs.log": folder / "packs.log"}
    if scenario == "listings":
        logs = require(SHARED / "fixtures" / "logs")
        nodes = folder / "memdump.txt"
        nodes.write_bytes(dressed(memdump(blocks(Random(1), 40)), "crlf"))
        files = {
            "console.txt": logs / "r128" / "r128-double-free.txt",
            "later.txt": logs / "r128" / "r128-memleak0.txt",
        }
        files["tracker.txt"] = logs / "tracker" / "trk-readme.txt"
        files["heap-trace.txt"] = logs / "idf" / "idf-51-leaks.txt"
        return {**files, "memdump.txt": nodes, "app.elf": logs / "elf" / "player.rv.elf"}
    if scenario == "exports":
        for name, turns in (("before.log", 15), ("app.log", 40)):
            (folder / name).write_bytes(recorded(turns).data)
        return {"before.log": folder / "before.log", "app.log": folder / "app.log", "app.elf": ELF}
    if scenario == "connections":
        (folder / "device.log").write_bytes(connections().data)
        return {"device.log": folder / "device.log", "app.elf": require(ELF)}
    if scenario == "console":
        logs = require(SHARED / "fixtures" / "console") / "logs"
        return {"console.log": logs / "c079.log", "other.log": logs / "c013.log", "traced.log": logs / "c048.log"}
    if scenario == "seen":
        return seen(folder)
    if scenario in OF_OTHERS:
        for name, file in OF_OTHERS[scenario].items():
            (folder / name).symlink_to(require(SHARED / "fixtures" / "logs") / file)
        return {}
    if scenario == "flash":
        return flash_images(folder)
    if scenario in makers():
        return _heap_of(scenario, folder)
    run_scenario(scenario, [f"memtrace save {folder / 'core'}"])
    return {f"build/{scenario}.core": folder / "core", "app.elf": firmware.build("default")}


def _heap_of(family: str, folder: Path) -> dict[str, Path]:
    """The images of a heap of a family, sound (`0x20000000.bin`) and after an overflow (`broken-0x20000000.bin`)."""
    made = makers()[family](Random(f"{family}/page"))
    damage = damaged(made, "overflow", Random(f"{family}/page"))
    files = {f"{base:#x}.bin": data for base, data in made.images}
    files |= {f"broken-{base:#x}.bin": data for base, data in damage.images(made)}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {}


def seen(folder: Path) -> dict[str, Path]:
    """What the pages show of what users meet: images with a broken mark, a broken fill and a wrong bit, two console
    logs, and a program with two allocators over one memory.
    """
    logs = require(SHARED / "fixtures" / "console") / "logs"
    files = {f"{name}.bin": fixtures.case(case).images[0].path for name, case in SEEN_IMAGES.items()}
    clean = next(one for one in fixtures.select(poisoning="comprehensive") if one.truth.status == "clean")
    data = bytearray(clean.images[0].data)
    freed = data.index(b"\xfe" * 600)  # the fill of a free block
    data[freed + 64 : freed + 64 + 480] = picture(Random(1))[:480]
    (folder / "pixels.bin").write_bytes(data)
    made = two_owners.make(folder, 2 * two_owners.CHUNK)
    (folder / "ram.bin").write_bytes(made.data)
    told = {"tail.log": logs / "c079.log", "outside.log": logs / "c003.log"}
    return {**files, **told, "pixels.bin": folder / "pixels.bin", "ram.bin": folder / "ram.bin", "app.elf": made.elf}


class Terminal:
    """`with Terminal() as terminal: terminal.type("make -C examples/bare")` returns what is printed."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="memtrace-typed-")
        self.root = Path(self._folder.name).resolve() / "memtrace"
        self._socket = self.root.parent / "gdb"
        self._jobs: list[subprocess.Popen[bytes]] = []
        self._gdb: GdbSession | None = None
        for name in COPIED:
            shutil.copytree(ROOT / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / "bin").mkdir()
        (self.root / "bin" / "memtrace").write_text(MEMTRACE)
        (self.root / "bin" / "memtrace").chmod(0o755)
        path = f"{self.root / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._env = {**os.environ, "PATH": path, "STUB": f"unix:{self._socket},server=on,wait=off"}
        self._env["KERNEL"] = str(ROOT / ".venv" / "freertos-kernel")  # no copy of what tools/setup fetches

    def type(self, line: str) -> str:
        """Type a line into the shell; what comes of it."""
        self._leave_gdb()
        if line.endswith("&"):
            return self._start(line[:-1])
        if line.startswith(("gdb ", "gdb-multiarch ")):
            return self._enter_gdb(shlex.split(line))
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.root, env=self._env, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
        )  # fmt: skip
        return done.stdout

    def put(self, name: str, content: bytes) -> None:
        """A file that the page takes for given."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(content)

    def type_to_gdb(self, line: str) -> str:
        """Type a line into the GDB that was started; what comes of it."""
        assert self._gdb is not None, f"no GDB to type {line!r} into"
        if line == "quit":
            self._leave_gdb()
            return ""
        return self._gdb.command(re.sub(r"^target remote :1234$", f"target remote {self._socket}", line))

    def _enter_gdb(self, words: list[str]) -> str:
        elf = self.root / words[-1]
        options = [word for word in words[1:-1] if word != "-q"]
        gdb = GdbSession(program=words[0], arguments=["-cd", str(self.root), *options], env={"PATH": self._env["PATH"]})
        self._gdb = gdb
        printed = gdb.command(f"file {elf.relative_to(self.root)}")
        gdb.command(AT_ONCE)
        return printed

    def _leave_gdb(self) -> None:
        if self._gdb is not None:
            self._gdb.close()
            self._gdb = None

    def _start(self, line: str) -> str:
        """A job in the background; back when somebody listens at its socket."""
        self._end_jobs()
        self._socket.unlink(missing_ok=True)
        with (self.root.parent / "job").open("wb") as said:
            words = [*WITH_PARENT, "bash", "-c", line]
            self._jobs.append(
                subprocess.Popen(
                    words, cwd=self.root, env=self._env, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                    start_new_session=True,
                )
            )  # fmt: skip
        limit = time.monotonic() + WAIT_SECONDS
        while not self._socket.exists():
            if time.monotonic() > limit or self._jobs[-1].poll() is not None:
                raise TimeoutError(f"{line!r} does not listen: {(self.root.parent / 'job').read_text()}")
            time.sleep(0.02)
        return ""

    def _end_jobs(self) -> None:
        for job in self._jobs:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
            job.wait()
        self._jobs.clear()

    def close(self) -> None:
        """End what was started, and remove the copy."""
        self._leave_gdb()
        self._end_jobs()
        self._folder.cleanup()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
