# SPDX-License-Identifier: Apache-2.0
"""The steps from sources to tools.

Approach: the assembler and the linker are Debian's for the ESP8266, which a plugin tells another core (binutils'
XTENSA_GNU_CONFIG). Then two chains side by side (GCC; GDB), each step stamped when it is done, so that a build that was
interrupted goes on. Nothing is made that the tests do not use, and headers are read once (sources.HEADERS). The second
GDB is the first one's tree told another core and linked again: seconds, not minutes.
The C library's headers are those of Debian's picolibc for lx106 (the same ABI of types); the few functions that are
called stand in the firmware. Rejected: one prefix for each core (GDB's data directory is the same for both); building
picolibc (its sources are not where Debian's binary packages are); Debian's compiler for lx106 with -mabi=windowed (it
has no S32C1I, so the recorder's atomics would go untested); building binutils (the same bytes, 3 CPU-minutes later).
Cost: docs/reference/targets.md. About 1.5 GB of disk while it builds, 0.2 GB afterwards.
Assumptions: `jobs` processors; nothing but what tools/packages.txt lists.
"""

from __future__ import annotations

import fcntl
import os
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from tests.toolchain import sources
from tests.toolchain.sources import run
from tests.toolchain.where import CALL0_CORE, CALL0_TARGET, CORE, FLAGS, OPTIONS, TARGET, Toolchain

# Without manuals: configure takes no program for makeinfo that does not say its version, so make itself is told.
MAKE = ("make", "MAKEINFO=true")
GCC_PARTS = ("all-gcc", "all-target-libgcc")
BINUTILS = "ar as ld nm objcopy objdump ranlib readelf strip".split()
HEARTBEAT_SECONDS = 30


class Builder:
    """Makes a Toolchain; `say` is told the progress."""

    def __init__(self, tools: Toolchain, say: Callable[[str], None], jobs: int) -> None:
        self.tools = tools
        self.prefix = tools.folder
        self.work = tools.folder / "work"
        self.say = say
        self.jobs = jobs
        self.running: set[str] = set()
        self.from_nothing = not self.work.exists()

    def build(self) -> None:
        """Everything that is missing, then clean up."""
        self.work.mkdir(parents=True, exist_ok=True)
        self.step("cores", lambda: sources.fetch_cores(self.folder("cores")))
        self.step("binutils", self.tell_binutils)
        with ThreadPoolExecutor() as pool:
            chains = [pool.submit(self.compiler), pool.submit(self.debuggers)]
            while wait(chains, HEARTBEAT_SECONDS).not_done:
                self.say(f"at work: {', '.join(sorted(self.running))}")
            for chain in chains:
                chain.result()
        shutil.rmtree(self.work)
        self.tools.finish(cpu_minutes() if self.from_nothing else None)

    def tell_binutils(self) -> None:
        """Debian's programs under the new target's names, each told the core."""
        plugin = self.prefix / f"{CORE}.so"
        sources.write_plugin(self.sources_of("gdb"), plugin)
        for name in BINUTILS:
            text = f'#!/bin/sh\nXTENSA_GNU_CONFIG={plugin} exec {CALL0_TARGET}-{name} "$@"\n'
            for path in (self.prefix / "bin" / f"{TARGET}-{name}", self.prefix / TARGET / "bin" / name):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                path.chmod(0o755)

    def compiler(self) -> None:
        """GCC for the windowed core, with a C library's headers."""
        made = [f"install-{part.removeprefix('all-')}" for part in GCC_PARTS]
        self.step("gcc", lambda: self.make_all("gcc", GCC_PARTS, made))
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
        run([*MAKE, f"-j{self.jobs}", "all-gdb"], built, self.environment("gdb"))
        shutil.copy2(built / "gdb" / "gdb", self.prefix / "bin" / f"{CALL0_TARGET}-gdb")

    def sources_of(self, part: str) -> Path:
        """The sources of a part, told the windowed core."""
        source = self.work / f"{part}-source"
        if not source.exists():
            sources.unpack(part, source)
        sources.configure(source, self.work / "cores" / f"core-{CORE}")
        return source

    def make_all(self, part: str, targets: Sequence[str], install: Sequence[str]) -> None:
        """Unpack, configure, make and install one part."""
        source, built, environment = self.sources_of(part), self.folder(f"{part}-build"), self.environment(part)
        if not (built / "Makefile").exists():
            place = [f"--target={TARGET}", f"--prefix={self.prefix}"]
            run([f"{source}/configure", *place, *OPTIONS[part]], built, environment)
        run([*MAKE, f"-j{self.jobs}", *targets], built, environment)
        run([*MAKE, *install], built, environment)

    def environment(self, part: str) -> dict[str, str]:
        """How a part is built: quickly, with the binutils that were made before."""
        path = f"{self.prefix / 'bin'}{os.pathsep}{os.environ['PATH']}"
        flags = dict.fromkeys(("CFLAGS", "CXXFLAGS"), FLAGS[part])
        return {**os.environ, **flags, "CFLAGS_FOR_TARGET": "-O1", "PATH": path}

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
        try:
            make()
        except sources.CommandError:
            self.say(f"{name}: failed; why, once what is at work beside it has ended")
            raise
        finally:
            self.running.remove(name)
        stamp.touch()
        self.say(f"{name}: done in {time.monotonic() - started:.0f} s")


def cpu_minutes() -> float:
    """What the processes that were started here have taken of the processors."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) / 60


def build(tools: Toolchain, say: Callable[[str], None]) -> None:
    """Make what is missing of `tools`, one process at a time; CommandError with the end of the log if a step fails."""
    tools.folder.mkdir(parents=True, exist_ok=True)
    with (tools.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tools.complete:
            Builder(tools, say, os.cpu_count() or 1).build()
            say(f"built in {cpu_minutes():.1f} CPU-minutes")
