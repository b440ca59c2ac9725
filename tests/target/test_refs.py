# SPDX-License-Identifier: Apache-2.0
"""heap-leaks and heap-refs on firmware in QEMU, and in the shell on what was saved of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cli.shell import shell
from tests.support import firmware, fixtures
from tests.support.gdb import Capture
from tests.support.scenario import run_scenario

STOP = ["break scenario_done"]
LEAKED = "entry_create"


def callers(report: Any) -> set[str]:
    return {leak["owner"]["allocated"][0]["function"] for leak in report["blocks"]}


def test_leaks_and_references_live_and_saved(tmp_path: Path) -> None:
    """The scenario leaks 100 blocks; a conservative scan may take a few for reachable, and none else for lost."""
    core, elf = tmp_path / "core", firmware.build("default")
    commands = [
        "heap-leaks --unreachable --all --json",
        "heap-leaks --since before --all --json",
        "heap-refs 0x10 --json",
    ]
    captures = [Capture(command) for command in commands]
    done = run_scenario("leak ring=65536", [*captures, f"memtrace save {core}"], before=STOP)
    lost, since, nothing = done.json(0), done.json(1), done.json(2)
    assert (lost["kind"], callers(lost)) == ("unreachable", {LEAKED})
    assert 90 <= lost["total"] == len(lost["blocks"]) <= 100
    assert lost["bytes"] == sum(leak["size"] for leak in lost["blocks"])
    assert {one["kind"] for one in lost["scanned"]} >= {"global", "register", "heap"}
    assert (since["total"], callers(since), since["since"]) == (100, {LEAKED}, "before")
    assert (nothing["block"], nothing["scanned"][-1]["kind"]) == (None, "heap")
    saved = shell("leaks", str(core), "--elf", str(elf), "--unreachable", "--all")
    assert {leak["payload"] for leak in saved["blocks"]} <= {leak["payload"] for leak in since["blocks"]}
    assert saved["total"] >= 90


def test_a_variable_that_points_at_a_block_is_named() -> None:
    point = "python gdb.execute('set var video_frames[3] = (void *) %#x' % TARGET)"
    find = "python TARGET = int(gdb.parse_and_eval('registered_heaps.slh_first'))"
    done = run_scenario(
        "leak", [find, point, Capture("heap-refs registered_heaps.slh_first --all --json")], before=STOP
    )
    names = {reference["name"] for reference in done.json()["references"]}
    assert {"registered_heaps", "video_frames+12"} <= names


def test_a_register_that_points_at_a_block_is_named() -> None:
    """The heap lies in the upper half of the addresses, where a signed register is negative."""
    point = "set var $s5 = (long) registered_heaps.slh_first"
    done = run_scenario("leak", [point, Capture("heap-refs registered_heaps.slh_first --all --json")], before=STOP)
    names = {reference["name"] for reference in done.json()["references"] if reference["kind"] == "register"}
    assert "thread 1 s5" in names


def test_a_mark_that_is_not_there_is_said() -> None:
    done = run_scenario("leak", [Capture("heap-leaks --since nowhere")], before=STOP)
    assert done.captured[0].error == "memtrace: no mark nowhere in the trace; it has: before, after"


def test_images_are_scanned_where_they_are_named(tmp_path: Path) -> None:
    case = fixtures.case("a005")
    image, target = case.images[0], case.truth.blocks[5]
    more = tmp_path / "more.bin"
    more.write_bytes(bytes(64) + (target.payload + 4).to_bytes(4, "little") + bytes(60))
    memory = [f"--image={image.base:#x}={image.path}", f"--image=0x30000000={more}"]
    [reference] = [one for one in shell("refs", hex(target.payload), *memory)["references"] if one["kind"] != "block"]
    assert (reference["address"], reference["value"]) == (0x3000_0040, target.payload + 4)
    lost = {leak["payload"] for leak in shell("leaks", "--unreachable", "--all", *memory)["blocks"]}
    assert target.payload not in lost
    assert len(lost) >= len(case.truth.blocks) - 8
