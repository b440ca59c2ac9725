# SPDX-License-Identifier: Apache-2.0
"""Where the toolchain is, and what it is made of.

Approach: a folder in the user's cache, named by a hash of all that decides its content: the versions of Debian's source
packages and of QEMU (whose cores are copied), and the options. Something new is built beside the old; nothing is ever
changed in place. Rejected: a folder in the tree (each clone and each `git clean` would cost ten minutes).
Assumptions: Debian 12, whose dpkg names the versions.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

CORE = "de212"  # little-endian, windowed: what ESP32, S2 and S3 are to a compiler
CALL0_CORE = "lx106"  # the ESP8266; Debian has its compiler, only its GDB is built here
TARGET = f"xtensa-{CORE}-elf"
CALL0_TARGET = f"xtensa-{CALL0_CORE}-elf"

PACKAGES = (
    "binutils-xtensa-lx106",
    "gcc-12-source",
    "gdb-source",
    "qemu-system-misc",
    "picolibc-xtensa-lx106-elf",
)


def without(parts: str) -> tuple[str, ...]:
    """What is left out: configure's words."""
    return tuple(f"--disable-{part}" for part in parts.split())


OPTIONS = {
    "gcc": (
        *("--enable-languages=c", "--enable-checking=release", "--without-headers", "--with-newlib"),
        *("--without-isl", "--without-zstd", "--with-system-zlib"),
        *without(
            "nls bootstrap shared threads libssp libquadmath libgomp libatomic multilib lto plugin analyzer libcc1"
        ),
        *without("decimal-float fixed-point gcov"),
    ),
    "gdb": (
        *without("binutils gas ld gprof gprofng sim gdbserver nls libctf tui unit-tests source-highlight"),
        *("--with-python=/usr/bin/python3", "--with-expat", "--with-system-zlib", "--with-system-readline"),
        *("--without-debuginfod", "--without-guile"),
        *("--without-babeltrace", "--without-intel-pt", "--without-lzma", "--without-zstd", "--without-xxhash"),
    ),
}
FLAGS = {"gcc": "-O0 -w", "gdb": "-O1 -w"}  # what compiles fastest; at -O0 GDB is slow, and hardly sooner there
CPU_MINUTES = 30  # what the build takes: measured, docs/reference/targets.md
RECIPE = 2  # raised when the steps themselves change what comes out


@dataclass(frozen=True)
class Toolchain:
    """The finished tools; `folder` holds everything."""

    folder: Path

    @property
    def gcc(self) -> Path:
        """The compiler for the windowed core."""
        return self.folder / "bin" / f"{TARGET}-gcc"

    @property
    def gdb(self) -> Path:
        """GDB for the windowed core."""
        return self.folder / "bin" / f"{TARGET}-gdb"

    @property
    def call0_gdb(self) -> Path:
        """GDB for the call0 core."""
        return self.folder / "bin" / f"{CALL0_TARGET}-gdb"

    @property
    def complete(self) -> bool:
        """Whether the build came to its end."""
        return self._mark.exists()

    @property
    def cpu_minutes(self) -> float | None:
        """What the build took of the processors; None if it was interrupted, and so not measured as a whole."""
        text = self._mark.read_text()
        return float(text) if text else None

    def finish(self, cpu_minutes: float | None) -> None:
        """Note that the build came to its end, and what it took."""
        self._mark.write_text("" if cpu_minutes is None else f"{cpu_minutes:.1f}")

    @property
    def _mark(self) -> Path:
        return self.folder / "complete"


class MissingPackageError(RuntimeError):
    """A Debian package that decides the content is not installed."""


def versions() -> list[str]:
    """The source versions of PACKAGES, in their order."""
    asked = ["dpkg-query", "-W", "-f", "${Package} ${source:Version}\n", *PACKAGES]
    done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode != 0:
        raise MissingPackageError(f"{done.stderr.strip()}: run `make setup`")
    return done.stdout.split("\n")


def locate() -> Toolchain:
    """The toolchain of this machine, finished or not."""
    content = repr((versions(), CORE, CALL0_CORE, sorted(OPTIONS.items()), sorted(FLAGS.items()), RECIPE))
    key = hashlib.sha256(content.encode()).hexdigest()[:12]
    return Toolchain(users_cache() / "memtrace" / f"xtensa-{key}")


def users_cache() -> Path:
    """The folder of the user's caches. Tests have another one for what they test, and say here where the tools are."""
    told = os.environ.get("MEMTRACE_TOOLS") or os.environ.get("XDG_CACHE_HOME")
    return Path(told) if told else Path.home() / ".cache"
