# SPDX-License-Identifier: Apache-2.0
"""Stacks of a kernel's tasks in heap-leaks and heap-refs: over a link that knows of no tasks, and in what was saved."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import shell
from tests.support import firmware
from tests.support.gdb import Capture, run_gdb
from tests.support.paths import ROOT
from tests.support.scenario import run_scenario

LEAKS = "heap-leaks --unreachable --all --json"
LOST = {"stale_create", "scrap_create", "orphan_create"}
BASE, END = 0x8008_0000, 0x8020_8000  # data, heaps, ring
DELETED = "stack of task gone: not scanned: the task is deleted, and waits for the idle task to free it"


def makers(report: Any) -> set[str]:
    """The functions that made the blocks of a report."""
    return {leak["owner"]["allocated"][0]["function"] for leak in report["blocks"]}


def stacks(report: Any) -> dict[str, tuple[int, int]]:
    return {one["name"]: (one["start"], one["end"]) for one in report["scanned"] if one["kind"] == "stack"}


def why(report: Any) -> list[str]:
    return [one["why"] for one in report["skipped"] if one["check"] == "scan"]


@dataclass(frozen=True)
class Stopped:
    """The scenario at its end: what GDB said of it, and files of its memory."""

    elf: Path
    live: Any
    packet: int  # the block that only the stack of the task "net" holds
    refs: Any
    core: Path
    image: Path


@pytest.fixture(scope="module", params=["default", "checked"])
def stopped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    folder = tmp_path_factory.mktemp("tasks")
    core, image = folder / "core", folder / "image.bin"
    find = "heap-blocks --caller packet_create --json"
    commands = [Capture(LEAKS), Capture(find), f"memtrace save {core}", f"dump binary memory {image} {BASE} {END}"]
    done = run_scenario("kernel", commands, variant=request.param, before=["break scenario_done"])
    [packet] = [block["payload"] for block in done.json(1)["blocks"]]
    elf = firmware.build(request.param)
    refs = run_gdb(
        [f"source {ROOT}/gdbext/memtrace.py", f"core-file {core}", Capture(f"heap-refs {packet} --json")], elf=elf
    )
    yield Stopped(elf, done.json(0), packet, refs.json(0), core, image)


def test_what_only_a_stack_in_use_holds_is_not_lost(stopped: Stopped) -> None:
    """And what stands below it, or on a deleted task's stack, is."""
    assert makers(stopped.live) == LOST
    assert set(stacks(stopped.live)) == {f"stack of task {name}" for name in ("worker", "net", "sensor")}
    assert all(0 < end - start < 512 for start, end in stacks(stopped.live).values())
    assert why(stopped.live) == [DELETED]


def test_the_task_that_holds_a_block_is_named_and_no_place_twice(stopped: Stopped) -> None:
    found = stopped.refs["references"]
    low, high = stacks(stopped.live)["stack of task net"]
    assert {(one["kind"], one["name"]) for one in found} == {("stack", "stack of task net")}
    assert all(low <= one["address"] < high for one in found)
    assert len({one["address"] for one in found}) == len(found)


def test_the_shell_says_of_a_core_what_gdb_says(stopped: Stopped) -> None:
    saved = shell("leaks", str(stopped.core), "--elf", str(stopped.elf), "--unreachable", "--all")
    assert (saved["blocks"], stacks(saved)) == (stopped.live["blocks"], stacks(stopped.live))
    refs = shell("refs", hex(stopped.packet), str(stopped.core), "--elf", str(stopped.elf))
    assert refs["references"] == stopped.refs["references"]


def test_status_tells_the_tasks(stopped: Stopped) -> None:
    facts = shell("status", str(stopped.core), "--elf", str(stopped.elf))["facts"]
    assert "tasks  4 of FreeRTOS, by lists that are whole: worker, net, sensor, gone" in facts


def test_stacks_in_numbers(stopped: Stopped, tmp_path: Path) -> None:
    """What is in use is what is scanned; what was never used still holds the kernel's fill, if it fills stacks."""
    told = shell("free", str(stopped.core), "--elf", str(stopped.elf))["tasks"]
    used = {f"stack of task {one['task']}": one["in_use"] for one in told if one["in_use"]}
    assert used == {name: end - start for name, (start, end) in stacks(stopped.live).items()}
    assert {one["task"]: one["size"] // 2048 for one in told} == dict.fromkeys(("worker", "net", "sensor", "gone"), 1)
    image = stopped.image.read_bytes()
    for one in told:
        start, never = one["start"] - BASE, one["never_used"]
        assert 0 < never < one["size"] - one["in_use"]
        assert image[start : start + never] == b"\xa5" * never != image[start : start + never + 1]
    bare = shell("free", f"--image={BASE:#x}={stopped.image}", "--elf", str(stopped.elf))["tasks"]
    assert [one["in_use"] for one in bare if one["task"] == "worker"] == [None]
    assert [one["never_used"] for one in bare] == [one["never_used"] for one in told]
    (tmp_path / "plain").write_bytes(image.replace(b"\xa5", b"\0"))
    plain = shell("free", f"--image={BASE:#x}={tmp_path / 'plain'}", "--elf", str(stopped.elf))["tasks"]
    assert [one["never_used"] for one in plain] == [None] * 4


def test_without_debug_information_the_lists_tell_their_form(stopped: Stopped, tmp_path: Path) -> None:
    bare = tmp_path / "bare.elf"
    subprocess.run(["riscv64-unknown-elf-objcopy", "--strip-debug", str(stopped.elf), str(bare)], check=True)
    saved = shell("leaks", str(stopped.core), "--elf", str(bare), "--unreachable", "--all")
    opened = run_gdb(
        [f"source {ROOT}/gdbext/memtrace.py", f"core-file {stopped.core}", Capture(LEAKS)], elf=bare
    ).json()
    payloads = [block["payload"] for block in stopped.live["blocks"]]
    for report in (saved, opened):
        assert [block["payload"] for block in report["blocks"]] == payloads
        assert set(stacks(report)) == set(stacks(stopped.live))


def test_without_registers_the_running_task_is_scanned_whole(stopped: Stopped) -> None:
    """What has run on that stack before still stands on it: only what no other stack ever held is sure to be lost."""
    found = shell("leaks", f"--image={BASE:#x}={stopped.image}", "--elf", str(stopped.elf), "--unreachable", "--all")
    assert {"stale_create"} <= makers(found) < LOST
    (low, high), (live, _) = (stacks(one)["stack of task worker"] for one in (found, stopped.live))
    assert low < live < high
    [said] = [text for text in why(found) if "worker" in text]
    assert said == "stack of task worker: all of it is scanned: the task runs, and no register here tells how far down"


@pytest.mark.parametrize(
    ("variant", "lost"), [("de212", {"orphan_create"}), ("lx106", LOST), ("m4", {"orphan_create"})]
)
def test_other_chips_with_and_without_register_windows(variant: str, lost: set[str], tmp_path: Path) -> None:
    """A window's registers outlive the calls that used them, in the file and where the kernel saves it."""
    core = tmp_path / "core"
    commands = [Capture(LEAKS), f"memtrace save {core}"]
    live = run_scenario("kernel", commands, variant=variant, before=["break scenario_done"]).json()
    assert lost <= makers(live) <= LOST
    assert set(stacks(live)) == {f"stack of task {name}" for name in ("worker", "net", "sensor")}
    assert all(0 < end - start < 512 for start, end in stacks(live).values())
    saved = shell("leaks", str(core), "--elf", str(firmware.build(variant)), "--unreachable", "--all")
    assert (makers(saved), stacks(saved)) == (makers(live), stacks(live))


def test_a_kernel_without_tasks_says_nothing() -> None:
    done = run_scenario("leak", [Capture(LEAKS)], before=["break scenario_done"])
    assert not [text for text in why(done.json()) if "task" in text]


def test_a_damaged_list_costs_a_line_and_its_tasks() -> None:
    """From its other end the task is still found; else its stack is a variable like any other, old words too."""
    smash = "set var xSuspendedTaskList.xListEnd.pxNext = (void *) 0x41424344"
    back = "set var xSuspendedTaskList.xListEnd.pxPrevious = (void *) 0x45464748"
    done = run_scenario("kernel", [smash, Capture(LEAKS), back, Capture(LEAKS)], before=["break scenario_done"])
    half, none = done.json(0), done.json(1)
    assert "stack of task sensor" in stacks(half)
    assert "stack of task sensor" not in stacks(none)
    assert makers(none) < makers(half) == LOST
    [said] = [text for text in why(none) if "xSuspendedTaskList" in text]
    assert "would be at 0x41424344" in said


def check_of(scenario: str) -> Any:
    """The finding of a program whose tasks have their stacks in the heap, and the kinds of what may explain it."""
    done = run_scenario(scenario, [Capture("heap-check --json")], variant="idf-kernel", before=["break scenario_done"])
    (finding,) = done.json()["heaps"][0]["findings"]
    return finding, [one["kind"] for one in finding["explanations"]]


def test_what_tasks_have_in_the_heap_is_told_by_role() -> None:
    """Of each task its stack and its control block, in blocks of their own."""
    commands = [Capture("heap-blocks --role task --json"), Capture("heap-blocks --role nothing --json")]
    done = run_scenario("kernel", commands, before=["break scenario_done"])
    roles = [block["role"] for block in done.json(0)["blocks"]]
    in_heap = ("worker", "net", "gone")  # the fourth is static
    assert sorted(roles) == sorted(f"{what} of task {name}" for name in in_heap for what in ("stack", "control block"))
    assert done.json(1)["blocks"] == []


def test_a_stack_that_ran_over_is_said_first() -> None:
    finding, kinds = check_of("over")
    assert finding["suspects"][0]["role"] == "stack of task network"
    assert kinds[0] == "stack-overflow"
    assert finding["explanations"][0]["text_facts"]["task"] == "network"
    assert finding["suspects"][0]["payload"] == finding["explanations"][0]["payload"] == finding["block"]


def test_the_first_line_names_the_task_and_the_last_what_shows_all_stacks() -> None:
    commands = [Capture("heap-check"), Capture("memtrace free")]
    done = run_scenario("over", commands, variant="idf-kernel", before=["break scenario_done"])
    first, *_ = done.captured[0].output.splitlines()
    assert re.match(r"who: the stack of task network, which begins at 0x\w+, ran over: its frames lie below it", first)
    assert done.captured[0].output.rstrip().endswith("next: memtrace free")
    assert "network" in done.captured[1].output


def test_a_stack_whose_low_end_was_written_over_from_below_did_not_run_over() -> None:
    _, kinds = check_of("low")
    assert kinds[0] == "overflow"
    assert "stack-overflow" not in kinds
