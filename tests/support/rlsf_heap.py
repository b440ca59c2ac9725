# SPDX-License-Identifier: Apache-2.0
"""Heaps that the real rlsf has written: a small program (tests/support/rlsf) lives a seeded life in mapped memory.

Cost: 5 s to build it where it was never built (the crates are fetched then), some milliseconds for each life.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

TLSF, POOL, BETWEEN = 0x3FC0_0000, 0x3FC8_0000, 0x1_0000


@dataclass(frozen=True)
class Life:
    """What a life has left: users' pointers with size and alignment, blocks as the crate lists them, and the memory.
    And its calls: pointer, size (0: it was given back) and alignment.
    """

    users: tuple[tuple[int, int, int], ...]
    blocks: tuple[tuple[int, int, bool], ...]
    images: tuple[tuple[int, bytes], ...]
    calls: tuple[tuple[int, int, int], ...]


@cache
def program() -> Path:
    """The program, built with the versions that its manifest names."""
    target = ROOT / "build" / "rlsf"
    manifest = ROOT / "tests" / "support" / "rlsf" / "Cargo.toml"
    line = ("cargo", "build", "--quiet", "--release", "--manifest-path", manifest, "--target-dir", target)
    done = subprocess.run(line, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return target / "release" / "rlsf-life"


def live(seed: int, calls: int, pools: int, pool_bytes: int) -> Life:
    """A life: so many calls, in so many pools."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "heap"
        words = [str(program()), *map(str, (seed, calls, pools, pool_bytes)), str(out)]
        done = subprocess.run(words, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        books = json.loads(done.stdout)
        memory = out.with_suffix(".pool").read_bytes()
        images = [(TLSF, out.with_suffix(".tlsf").read_bytes())]
        images += [(POOL + one * BETWEEN, memory[one * BETWEEN :][:pool_bytes]) for one in range(pools)]
    users, blocks, calls_done = (tuple(tuple(one) for one in books[name]) for name in ("users", "blocks", "calls"))
    return Life(users, blocks, tuple(images), calls_done)
