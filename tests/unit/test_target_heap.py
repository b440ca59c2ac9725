# SPDX-License-Identifier: Apache-2.0
"""The test firmware's allocator: sound under load, and byte for byte what Espressif's allocator leaves in memory."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import fixtures
from tests.support import heap_oracle as oracle
from tests.support.paths import ROOT

HEAP = ROOT / "tests" / "target" / "heap"
SOURCES = [ROOT / "tests" / "unit" / "c" / "heap" / "heap_test.c", *sorted(HEAP.glob("*.c"))]
FLAGS = ["-m32", "-std=gnu11", "-O1", "-g", "-no-pie", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
INCLUDES = [f"-I{HEAP}", f"-I{HEAP.parent}"]

# Used blocks and totals of these are known, nothing is damaged, nothing is missing.
CLEAN = [
    case
    for case in fixtures.select(layout="espressif-dynamic", poisoning="none", kind="multi_heap")
    if case.truth.status == "clean" and not case.truth.incomplete
]

Run = Callable[..., str]


def build(folder: Path, name: str, sanitizers: str) -> Run:
    """Compile the test program; return a function that runs it and returns what it printed."""
    program = folder / name
    checks = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *FLAGS, *checks, *INCLUDES, *map(str, SOURCES), "-o", str(program)], check=True)

    def run(*arguments: object) -> str:
        done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return build(tmp_path_factory.mktemp("heap"), "heap_test", "address,undefined")


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Without ASan, whose shadow memory lies where the chips' heaps do."""
    return build(tmp_path_factory.mktemp("heap"), "heap_test_placed", "undefined")


@pytest.mark.parametrize("size", [700, 2000, 16404, 16420, 60001, 262164, 294912, 1000000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_operations(sanitized: Run, seed: int, size: int) -> None:
    sanitized("random", seed, 20000, size)


@pytest.mark.parametrize("seed", [1, 2])
def test_two_heaps_by_capability(sanitized: Run, seed: int) -> None:
    sanitized("caps", seed, 20000)


def test_fixtures_are_there() -> None:
    assert len(CLEAN) >= 8


@pytest.mark.parametrize("case", CLEAN, ids=lambda case: case.id)
def test_oracle_holds_for_espressif(case: fixtures.Case) -> None:
    """The rules are the real allocator's, before they are held against ours."""
    memory = oracle.Memory(case.images[0].base, case.images[0].data)
    found = oracle.check(memory, case.heap.address)
    used = dict(found.used)
    for more in case.more_heaps:
        used.update(oracle.check(memory, more.address).used)
    assert used == {block.raw: block.size for block in case.truth.blocks}
    assert case.truth.totals and found.free_bytes == case.truth.totals.free_bytes
    assert len(found.free) == case.truth.totals.free_blocks
    assert found.constants.control_bytes == case.heap.control_bytes


@pytest.mark.parametrize("size", [8224, 16404, 16408, 24576, 262164, 262168, 294912])
def test_our_images_keep_the_rules(placed: Run, size: int, tmp_path: Path) -> None:
    base, file = 0x3C0A0000, tmp_path / "heap.bin"
    printed = placed("dump", base, size, 7, 5000, file)
    found = oracle.check(oracle.Memory(base, file.read_bytes()), base)
    numbers = [int(word) for word in printed.split()]
    assert found.used == dict(zip(numbers[::2], numbers[1::2], strict=True))
    assert len(found.used) > 10 and found.free


@pytest.mark.parametrize("case", CLEAN, ids=lambda case: case.id)
def test_a_heap_of_espressif_goes_on_under_ours(placed: Run, case: fixtures.Case, tmp_path: Path) -> None:
    """Ours allocates from the real one's heap, then frees every block of both; the heap ends as one free block."""
    image = case.images[0]
    file = tmp_path / "heap.bin"
    file.write_bytes(image.data)
    placed("adopt", image.base, file, case.heap.address, 11, 5000)
