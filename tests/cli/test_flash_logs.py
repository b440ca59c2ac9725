# SPDX-License-Identifier: Apache-2.0
"""Every command on a flash image: the one log in it is found by its bytes, or named."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.cli.shell import memtrace, shell
from tests.support import fixtures, flash
from tests.support.core import core_bytes, esp_partition
from tests.support.log import HEADER, Log
from tests.support.partition_table import DATA, dump
from tests.support.paths import SHARED
from tests.support.spiffs_image import Sizes, spiffs

MEDIA_LIB = SHARED / "fixtures" / "logs" / "media_lib" / "ml-leaky-rv.log"
PROGRAM = SHARED / "fixtures" / "logs" / "elf" / "player.rv.elf"
SETTINGS = b"volume=11\n" * 40
ROOMY = Sizes(total=1 << 18)


def ours(blocks: int = 300) -> bytes:
    log = Log()
    for number in range(blocks):
        log.event("alloc", 0x2000_0000 + 16 * number, 8)
    return bytes(log.data)


def file(folder: Path, data: bytes) -> Path:
    (folder / "flash.bin").write_bytes(data)
    return folder / "flash.bin"


def allocations(*words: object) -> int:
    return int(shell("report", *words)["totals"]["allocations"])


def refused(*words: object) -> str:
    said = memtrace(*words)
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    return said.err


def test_the_log_of_another_tool_in_a_partition(tmp_path: Path) -> None:
    image = file(tmp_path, spiffs({"/settings": SETTINGS, "/TRACE.LOG": MEDIA_LIB.read_bytes()}, ROOMY))
    alone, inside = (shell("report", one, "--elf", PROGRAM) for one in (MEDIA_LIB, image))
    assert inside["source"]["format"] == alone["source"]["format"] == "media_lib_mem_trace"
    assert inside["source"]["complete"]
    assert inside["totals"] == alone["totals"]
    assert inside["tree"] == alone["tree"]
    address = f"{shell('log', MEDIA_LIB)['events'][-1]['payload']:#x}"
    assert shell("last", address, image)["generations"] == shell("last", address, MEDIA_LIB)["generations"]


def test_in_a_whole_flash(tmp_path: Path) -> None:
    storage = spiffs({"/settings": SETTINGS, "/run1.mtr": ours()})
    image = file(tmp_path, gzip.compress(dump(("nvs", DATA, 2, b"\0" * 4096), ("storage", DATA, 0x82, storage))))
    assert allocations(image) == 300
    assert "/run1.mtr in storage" in shell("report", image)["source"]["file"]
    assert "nothing here" in refused("report", image, "--partition", "nvs", "--path", "/run1.mtr")


def test_several_logs_are_named(tmp_path: Path) -> None:
    image = file(tmp_path, spiffs({"/run1.mtr": ours(3), "/run2.mtr": ours(5)}))
    line = refused("report", image)
    assert "/run1.mtr" in line
    assert "/run2.mtr" in line
    assert "--path" in line
    assert allocations(image, "--path", "run2.mtr") == 5


def test_a_raw_partition_and_a_file(tmp_path: Path) -> None:
    ring = flash.partition(ours(7), HEADER)
    image = file(
        tmp_path, dump(("storage", DATA, 0x82, spiffs({"/run1.mtr": ours(3)})), ("memtrace", DATA, 0x99, ring))
    )
    assert "memtrace" in refused("report", image)
    assert allocations(image, "--partition", "memtrace") == 7
    assert allocations(image, "--partition", "storage") == 3


@pytest.mark.parametrize("words", [["leaks"], ["tree"], ["log"], ["status"]])
def test_other_commands(words: list[str], tmp_path: Path) -> None:
    image = file(tmp_path, spiffs({"/run1.mtr": ours(3)}))
    assert memtrace(*words, image).status == 0


def test_two_images_are_compared(tmp_path: Path) -> None:
    for name, blocks in (("old", 3), ("new", 5)):
        (tmp_path / name).write_bytes(spiffs({"/run1.mtr": ours(blocks), "/other.mtr": ours(1)}))
    found = shell("diff", tmp_path / "old", tmp_path / "new", "--path", "/run1.mtr")
    assert sum(site["blocks_change"] for site in found["sites"]) == 2


def test_a_log_is_taken_out_and_converted(tmp_path: Path) -> None:
    image = file(tmp_path, spiffs({"/run1.mtr": ours(3)}))
    assert memtrace("convert", image, tmp_path / "run1.mtr").status == 0
    assert allocations(tmp_path / "run1.mtr") == 3


def test_a_log_whose_end_is_lost(tmp_path: Path) -> None:
    data = bytearray(spiffs({"/run1.mtr": ours()}))
    data[17 * 256 : 19 * 256] = b"\xff" * 512  # two of its pages
    report = shell("report", file(tmp_path, bytes(data)))
    assert 0 < report["totals"]["allocations"] < 300
    assert not report["source"]["complete"]
    assert any("what follows is lost" in one["why"] for one in report["skipped"])


def test_a_core_dump_in_a_whole_flash(tmp_path: Path) -> None:
    (image,) = fixtures.case("a005").images
    heap = ["--heap", fixtures.case("a005").heap.option]
    core = core_bytes([(image.base, image.data)], machine=94)
    (tmp_path / "core").write_bytes(core)
    dumped = esp_partition(core, header=24, sha=True)
    whole = file(tmp_path, dump(("nvs", DATA, 2, b"\0"), ("coredump", DATA, 3, dumped)))
    alone = shell("check", tmp_path / "core", *heap)["heaps"]
    assert shell("check", whole, *heap)["heaps"] == alone
    assert shell("check", whole, "--partition", "coredump", *heap)["heaps"] == alone
    empty = file(tmp_path, dump(("coredump", DATA, 3, b"\xff" * 4096)))
    assert "no log" in refused("check", empty)


def test_what_is_no_log(tmp_path: Path) -> None:
    image = file(tmp_path, spiffs({"/settings": SETTINGS}))
    assert "no log" in refused("report", image)
    assert "is neither a log" in refused("report", image, "--path", "/settings")
    assert "leave them out" in refused("report", "--path", "/settings", "--image", f"0={image}")
