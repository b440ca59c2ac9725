# SPDX-License-Identifier: Apache-2.0
"""Files of any claimed size: what is too large is one line that says the size and the limit, at a small cost.

Each runs in a process of its own, with as much memory and time of the processor as it may take.
"""

from __future__ import annotations

import gzip
import resource
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from gdbext.source.core import parse_core
from gdbext.source.files import LARGEST_FILE
from gdbext.source.memory import MOST_SEARCHED
from tests.cli.shell import memtrace
from tests.support import fixtures
from tests.support.core import core_bytes, write_core
from tests.support.paths import ROOT

MIB = 1 << 20
CASE = fixtures.case("a005")
BASE, DATA = CASE.images[0].base, CASE.images[0].data
HEAP = f"--heap={CASE.heap.option}"
LIMIT = f"{LARGEST_FILE:,}"


def limited(*words: object, mib: int, seconds: int = 20) -> subprocess.CompletedProcess[str]:
    """`memtrace WORDS...` with so much address space, of which Python itself needs some 30 MiB."""

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (mib * MIB, mib * MIB))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    command = [sys.executable, "-m", "gdbext", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=limits)


def refused(*words: object, mib: int) -> str:
    done = limited(*words, mib=mib)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith("memtrace: ")
    return done.stderr


def test_a_small_file_takes_little_memory(tmp_path: Path) -> None:
    """60 MB beside what is read. The source of a request has its size, never the size of what might come."""
    (tmp_path / "ram").write_bytes(DATA)
    (tmp_path / "ram.gz").write_bytes(gzip.compress(DATA))
    core = write_core(tmp_path / "core", [(BASE, DATA)])
    for source in (f"--image={BASE:#x}={tmp_path / 'ram'}", f"--image={BASE:#x}={tmp_path / 'ram.gz'}", core):
        done = limited("check", source, HEAP, mib=100)
        assert done.returncode == 0, done.stderr


def test_a_sparse_image_is_refused_by_its_size(tmp_path: Path) -> None:
    with open(tmp_path / "ram", "wb") as file:
        file.truncate(3 << 30)
    said = refused("check", f"--image=0x1000={tmp_path / 'ram'}", mib=4096)
    assert f"{3 << 30:,} bytes are more than the {LIMIT} " in said


def test_images_are_limited_together(tmp_path: Path) -> None:
    with open(tmp_path / "ram", "wb") as file:
        file.truncate(LARGEST_FILE // 2 + MIB)
    images = [f"--image={base:#x}={tmp_path / 'ram'}" for base in (0, 1 << 30)]
    assert LIMIT in refused("check", *images, mib=1024)


@pytest.mark.parametrize("as_image", [False, True], ids=["core", "image"])
def test_what_never_ends_is_refused(as_image: bool) -> None:
    source = "--image=0x1000=/dev/zero" if as_image else "/dev/zero"
    assert f"more than the {LIMIT} " in refused("check", source, mib=(LARGEST_FILE // MIB) + 100)


@pytest.mark.parametrize("as_image", [False, True], ids=["core", "image"])
def test_a_bomb_is_refused_without_taking_its_memory(as_image: bool, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(bytes(16 * MIB), 1) * 200)
    said = refused("check", f"--image=0x1000={bomb}" if as_image else bomb, mib=100)
    assert f"more than the {LIMIT} " in said and "unpack" in said


def test_a_gzip_file_of_many_empty_members_is_refused(tmp_path: Path) -> None:
    many = tmp_path / "many.gz"
    many.write_bytes(gzip.compress(b"") * 70_000)
    assert "more than 65,536 gzip members" in refused("check", f"--image=0x1000={many}", mib=100)


def test_zeros_behind_a_gzip_file_are_none_of_it(tmp_path: Path) -> None:
    """Tapes and flash images are padded, by more than one read."""
    padded = tmp_path / "ram.gz"
    padded.write_bytes(gzip.compress(DATA) + bytes(100_000))
    done = memtrace("check", f"--image={BASE:#x}={padded}", HEAP, "--json")
    assert done.status == 0 and not [item for item in done.json()["skipped"] if "gzip" in item["why"]]


def spread(count: int, size: int, step: int, data: bytes) -> bytes:
    """A core of many segments over the same first bytes of `data`."""
    head = core_bytes([])[:16] + struct.pack("<HHI3II6H", 4, 243, 1, 0, 52, 0, 0, 52, 32, count, 0, 0, 0)
    table = b"".join(
        struct.pack("<8I", 1, 52 + 32 * count, 0x1000 + at * step, 0, size, size, 6, 4) for at in range(count)
    )
    return head + table + data


def memory_in(segments: Iterable[tuple[int, int]]) -> int:
    return sum(end - start for start, end in segments)


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(("count", "size"), [(65_000, 4096), (4000, MIB)])
def test_a_core_stands_for_few_times_its_bytes(count: int, size: int, step: int, tmp_path: Path) -> None:
    """65,000 segments over the same 4 KiB, 4,000 over the same MiB; at one address, or one behind the other."""
    data = spread(count, size, step * size, bytes(range(256)) * (size // 256))
    core = parse_core(data)
    assert memory_in((piece.start, piece.end) for piece in core.segments) <= 4 * len(data)
    assert [remark.key for remark in core.remarks if not isinstance(remark, str)] == ["core-memory-shared"]
    (tmp_path / "core").write_bytes(data)
    assert limited("check", tmp_path / "core", HEAP, mib=200).returncode in (0, 2)


def test_ram_that_is_written_once_for_each_of_its_addresses_is_all_there() -> None:
    core = parse_core(spread(3, 4096, 1 << 20, bytes(4096)))
    assert len(core.segments) == 3 and core.remarks == ()


def test_notes_over_the_same_bytes_are_read_once(tmp_path: Path) -> None:
    count = 60_000
    head = core_bytes([])[:16] + struct.pack("<HHI3II6H", 4, 243, 1, 0, 52, 0, 0, 52, 32, count, 0, 0, 0)
    table = struct.pack("<8I", 4, 0, 0, 0, 1 << 31, 0, 6, 4) * count
    (tmp_path / "core").write_bytes(head + table + bytes(20 * MIB))
    assert "holds no memory" in refused("check", tmp_path / "core", mib=200)


def test_of_a_large_core_the_beginning_is_searched_and_the_rest_is_told(tmp_path: Path) -> None:
    size = 3 << 30
    head = core_bytes([])[:16] + struct.pack("<HHI3II6H", 4, 243, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    core = tmp_path / "core"
    with open(core, "wb") as file:
        file.write(head + struct.pack("<8I", 1, 4096, BASE - 4096, 0, size, size, 6, 4))
        file.truncate(4096 + size)
        file.seek(2 * 4096)
        file.write(DATA)
    report = memtrace("check", core, "--json").json()
    assert [heap["address"] for heap in report["heaps"]] == [CASE.heap.address]
    left = [item["why_facts"] for item in report["skipped"] if item["check"] == "heaps"]
    assert [fact["left"] for fact in left] == [size - MOST_SEARCHED]
    assert report["cost"]["bytes"] < 3 * MOST_SEARCHED


def test_in_thousands_of_small_segments_few_are_looked_at_for_a_variable(tmp_path: Path) -> None:
    """heap_2's end is told by xEnd, a variable that may be anywhere."""
    core = tmp_path / "core"
    core.write_bytes(spread(20_000, 16, 64, bytes(16)))
    report = memtrace("check", core, "--heap=freertos_heap_2@0x1000", "--json").json()
    assert report["cost"]["bytes"] < 600_000, "twice what all segments hold, for the search and for the ring"
