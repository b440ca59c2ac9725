# SPDX-License-Identifier: Apache-2.0
"""The steps from sources to tools.

Approach: two chains side by side (binutils, then GCC; GDB), each step stamped when it is done, so that a build that was
interrupted goes on. The second GDB is the first one's tree told another core and linked again: seconds, not minutes.
The C library's headers are those of Debian's picolibc for lx106 (the same ABI of types); the few functions that are
called stand in the firmware. Rejected: one prefix for each core (GDB's data directory is the same for both); building
picolibc (its sources are not where Debian's binary packages are).
Cost: docs/targets.md. About 1 GB of disk while it builds, 0.3 GB afterwards.
Assumptions: `jobs` processors; nothing but what tools/packages.txt lists.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from tests.toolchain import sources
from tests.toolchain.sources import run
from tests.toolchain.where import CALL0_CORE, CALL0_TARGET, CORE, OPTIONS, TARGET, Toolchain

GCC_PARTS = ("all-gcc", "all-target-libgcc")
HEARTBEAT_SECONDS = 30
FAST = "-O1 -w"  # compiles fastest; -O0 makes a slow GDB


class Builder:
    """Makes a Toolchain; `say` is told the progress."""

    def __init__(self, tools: Toolchain, say: Callable[[str], None], jobs: int) -> None:
        self.prefix = tools.folder
        self.work = tools.folder / "work"
        self.say = say
        self.jobs = jobs
        self.running: set[str] = set()

    def build(self) -> None:
        """Everything that is missing, then clean up."""
        self.work.mkdir(parents=True, exist_ok=True)
        self.step("cores", lambda: sources.fetch_cores(self.folder("cores")))
        with ThreadPoolExecutor() as pool:
            chains = [pool.submit(self.compiler), pool.submit(self.debuggers)]
            while wait(chains, HEARTBEAT_SECONDS).not_done:
                self.say(f"at work: {', '.join(sorted(self.running))}")
            for chain in chains:
                chain.result()
        shutil.rmtree(self.work)
        (self.prefix / "complete").touch()

    def compiler(self) -> None:
        """binutils and GCC for the windowed core, with a C library's headers."""
        self.step("binutils", lambda: self.make_all("binutils", ["all"], ["install"]))
        self.step(
            "gcc",
            lambda: self.make_all("gcc", GCC_PARTS, [f"install-{part.removeprefix('all-')}" for part in GCC_PARTS]),
        )
        self.step("headers", self.copy_headers)

    def copy_headers(self) -> None:
        """Into the folder where the new compiler looks by itself."""
        asked = [f"{CALL0_TARGET}-gcc", "-E", "-include", "string.h", "-xc", "/dev/null"]
        text = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        include = next(Path(found[1]) for found in re.finditer(r'"(/.*)/string\.h"', text))
        shutil.copytree(include, self.prefix / TARGET / "include", dirs_exist_ok=True)

    def debuggers(self) -> None:
        """GDB for both cores; the second needs only the first one's objects."""
        self.step("gdb", lambda: self.make_all("gdb", ["all-gdb"], ["install-gdb"]))
        self.step("gdb-call0", self.make_call0_gdb)

    def make_call0_gdb(self) -> None:
        """The same objects but for those that know the core."""
        sources.configure(self.work / "gdb-source", self.work / "cores" / f"core-{CALL0_CORE}")
        built = self.work / "gdb-build"
        run(["make", f"-j{self.jobs}", "all-gdb"], built, self.environment)
        shutil.copy2(built / "gdb" / "gdb", self.prefix / "bin" / f"{CALL0_TARGET}-gdb")

    def make_all(self, part: str, targets: Sequence[str], install: Sequence[str]) -> None:
        """Unpack, configure, make and install one part."""
        source, built = self.work / f"{part}-source", self.folder(f"{part}-build")
        if not (source / "configure").exists():
            sources.unpack(part, source)
        sources.configure(source, self.work / "cores" / f"core-{CORE}")
        if not (built / "Makefile").exists():
            place = [f"--target={TARGET}", f"--prefix={self.prefix}"]
            run([f"{source}/configure", *place, *OPTIONS[part]], built, self.environment)
        run(["make", f"-j{self.jobs}", *targets], built, self.environment)
        run(["make", *install], built, self.environment)

    @property
    def environment(self) -> dict[str, str]:
        """How everything is built: quickly, without manuals, with the binutils that were made before."""
        path = f"{self.prefix / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "CFLAGS": FAST, "CXXFLAGS": FAST, "MAKEINFO": "true", "PATH": path}

    def folder(self, name: str) -> Path:
        """A folder of the build."""
        path = self.work / name
        path.mkdir(exist_ok=True)
        return path

    def step(self, name: str, make: Callable[[], None]) -> None:
        """One step, unless it was done before."""
        stamp = self.work / f"{name}.done"
        if stamp.exists():
            self.say(f"{name}: done before")
            return
        self.running.add(name)
        started = time.monotonic()
        self.say(f"{name}: started")
        make()
        stamp.touch()
        self.running.remove(name)
        self.say(f"{name}: done in {time.monotonic() - started:.0f} s")


def build(tools: Toolchain, say: Callable[[str], None]) -> None:
    """Make what is missing of `tools`, one process at a time; CommandError with the end of the log if a step fails."""
    tools.folder.mkdir(parents=True, exist_ok=True)
    with (tools.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tools.complete:
            Builder(tools, say, os.cpu_count() or 1).build()
