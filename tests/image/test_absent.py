# SPDX-License-Identifier: Apache-2.0
"""Why no heap was found: the likeliest reason stands in the first line, and none where nothing speaks for it."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from gdbext.collect.absent import wrong_base
from gdbext.heap.unknown import allocator_of_libraries
from gdbext.model.errors import UserError
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from tests.cli.shell import memtrace
from tests.docs.sentences.world import Link, Symbols, ask, linked, world
from tests.image.ask import search
from tests.support import fixtures
from tests.support.fixtures import Case, load_cases

LARGEST = 45_000
TLSF = ("multi_heap", "tlsf")
SMALL = [case for case in load_cases() if sum(image.length for image in case.images) <= LARGEST]
# Few free blocks, and damage among them: four bytes off it still looks like a heap.
UNTOLD = ("a041",)
SHIFTS = (4, -8, 2, 0x100, 0x1000, 0x1000_0000, -0x40_0000)
BASE = 0x2000_0000


def noise(size: int) -> bytes:
    return random.Random(12).randbytes(size)


def name(case: Case) -> str:
    return f"{case.id}-{case.heap.kind}-{case.damage_kind}"


@pytest.mark.parametrize(
    "case", [one for one in SMALL if len(one.images) == 1 and one.heap.kind in TLSF and one.id not in UNTOLD], ids=name
)
def test_the_right_base_of_a_tlsf_is_told(case: Case) -> None:
    """Its control block holds its own address; damage elsewhere in it hides that from nobody."""
    (image,) = case.images
    for shift in SHIFTS[case.heap.address // 4 % 3 :: 3]:
        moved = [(image.base + shift, image.data)]
        assert search(moved, case.pointer_size).regions == [], hex(shift)
        told = wrong_base(Memory(snapshot_of(moved, case.pointer_size)))
        want = said("base-wrong", place=image.base + shift, right=image.base, bytes=abs(shift))
        assert told == want, hex(shift)


@pytest.mark.parametrize(
    "case",
    [one for one in SMALL if one.heap.kind.startswith("freertos") and not one.heap.canary and not one.truth.damage],
    ids=name,
)
def test_the_right_base_of_a_freertos_heap_is_told(case: Case) -> None:
    """Its free blocks point to each other; with one free block that is not sure."""
    for shift in (4, 8, 0x100, 0x1000_0000):
        moved = [(image.base + shift, image.data) for image in case.images]
        found = search(moved, case.pointer_size)
        told = wrong_base(Memory(snapshot_of(moved, case.pointer_size)))
        assert found.regions or dict(told.values if told else ())["bytes"] == shift, hex(shift)


def test_the_first_line_in_the_shell_says_the_right_base(tmp_path: Path) -> None:
    (image,) = fixtures.case("a005").images
    file = tmp_path / "ram.bin"
    file.write_bytes(image.data)
    done = memtrace("check", "--image", f"{image.base + 4:#x}={file}")
    assert done.status == 2
    assert done.err.splitlines()[0].startswith("memtrace: no heap found: BASE is wrong by 4 bytes:"), done.err
    assert f"it belongs at {image.base:#x}; or name one with --heap" in done.err
    assert "--search" not in done.err
    done = memtrace("status", "--image", f"{image.base + 4:#x}={file}")
    assert "missing: heaps: BASE is wrong by 4 bytes" in done.out


def test_a_wrong_base_beside_a_program_is_said_before_what_its_pointers_are() -> None:
    (image,) = fixtures.case("a005").images
    program = Symbols(registered_heaps=(image.base, 4), ucHeap=(BASE, 4096))
    report = ask(world([(image.base + 8, image.data)], program=program), "check")
    assert [one.why.key for one in report.skipped if one.check == "heaps"] == ["base-wrong", "root-unreadable"]


@pytest.mark.parametrize(
    ("symbols", "allocator"),
    [
        (("mi_malloc", "mi_free"), "mimalloc"),
        (("je_malloc",), "jemalloc"),
        (("_int_malloc", "main_arena", "_malloc_r"), "glibc's malloc"),
        (("rt_malloc", "rt_memheap_alloc"), "RT-Thread's memheap"),
        (("rt_malloc", "rt_slab_alloc"), "RT-Thread's slab"),
    ],
)
def test_an_allocator_that_is_not_known_is_named(symbols: Iterable[str], allocator: str) -> None:
    program = Symbols(**{symbol: (0x100 + 16 * number, 4) for number, symbol in enumerate(symbols)})
    program.facts = lambda: ()  # type: ignore[method-assign]
    for target in (world([(BASE, noise(4096))], program=program), linked([(BASE, noise(4096))], program)):
        with pytest.raises(UserError) as refused:
            ask(target, "check")
        assert str(refused.value).startswith(
            f"no heap found: this program uses {allocator}, which memtrace does not know yet; "
        )
        assert ("--search" in str(refused.value)) == isinstance(target.bytes, Link)


def test_libraries_name_their_allocator() -> None:
    assert allocator_of_libraries(["/usr/lib/libm.so.6", "/lib/x86_64-linux-gnu/libc.so.6"]) == "glibc's malloc"
    assert allocator_of_libraries(["/lib/ld-musl-x86_64.so.1"]) == "musl's malloc"
    assert allocator_of_libraries(["libc.so.6", "libjemalloc.so.2"]) == "jemalloc"
    assert allocator_of_libraries(["libc.so", "libmalloc.so"]) is None


def test_where_nothing_speaks_for_a_reason_none_is_named() -> None:
    program = Symbols(counter=(BASE, 4))
    program.facts = lambda: ()  # type: ignore[method-assign]
    with pytest.raises(UserError) as refused:
        ask(world([(BASE, noise(4096))], program=program), "check")
    assert str(refused.value) == (
        "no heap found: no symbol leads to one, and nothing that was searched looks like one; "
        "or name one with --heap KIND@ADDRESS"
    )


def built(folder: Path, *flags: str) -> Path:
    """A program for this machine, with its C library."""
    source, elf = folder / "program.c", folder / "program"
    text = "int main(void) { return 0; }" if "-s" in flags else "int main(void) { return malloc(10) == 0; }"
    source.write_text(f"#include <stdlib.h>\n{text}\n")
    compiler = shutil.which("gcc") or shutil.which("cc")
    assert compiler is not None
    subprocess.run([compiler, "-g", *flags, str(source), "-o", str(elf)], check=True)
    return elf


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ((), "this program uses glibc's malloc, which memtrace does not know yet"),
        (("-static",), "this program uses glibc's malloc, which memtrace does not know yet"),
        (("-s", "-nostdlib", "-Wl,-e,main", "-static"), "the program has no symbols: "),
    ],
)
def test_the_first_line_in_the_shell_names_what_the_program_is(
    flags: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    elf, file = built(tmp_path, *flags), tmp_path / "ram.bin"
    file.write_bytes(noise(4096))
    done = memtrace("check", "--elf", elf, "--image", f"0x7f0000000000={file}")
    assert (done.status, done.err.splitlines()[0][: len(why) + 25]) == (2, f"memtrace: no heap found: {why}")


def test_the_first_line_in_the_shell_says_that_no_program_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ram.bin"
    file.write_bytes(noise(4096))
    done = memtrace("check", "--image", f"0x20000000={file}")
    assert done.err.splitlines()[0].startswith(
        "memtrace: no heap found: no program tells where heaps are: name it with --elf"
    )
