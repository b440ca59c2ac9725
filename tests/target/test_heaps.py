# SPDX-License-Identifier: Apache-2.0
"""Heaps of other families in a live process, found by the names of their symbols, and in its core."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.shell import memtrace
from tests.support.documents import agree, blocks, turns
from tests.support.gdb import NATIVE_GDB, SOURCE, Capture, GdbResult, run_gdb
from tests.support.paths import ROOT

HEAPS = ROOT / "tests" / "target" / "heaps"
CHECK = Capture("heap-check --json --blocks")


def stopped(name: str, elf: Path, bits: int, *more: str, define: str = "X") -> GdbResult:
    """What GDB says of a program at its two stops: before the damage, and after it."""
    subprocess.run(["gcc", f"-m{bits}", "-g", "-O1", "-w", f"-D{define}", "-o", elf, HEAPS / f"{name}.c"], check=True)
    return run_gdb(["break stop_here", "run", SOURCE, CHECK, "continue", CHECK, *more], elf=elf, program=NATIVE_GDB)


@pytest.mark.parametrize("bits", [32, 64])
def test_byte_pools_of_threadx(bits: int, tmp_path: Path) -> None:
    elf, core = tmp_path / "threadx", tmp_path / "core"
    done = stopped("threadx", elf, bits, f"gcore {core}")
    sound, broken = (one.json()["heaps"] for one in done.captured)
    assert [(one["kind"], one["name"], one["status"]) for one in sound] == [
        ("threadx_pool", "byte pool 0", "clean"),
        ("threadx_pool", "net", "clean"),
    ]
    assert [(block["size"], block["state"]) for block in sound[0]["blocks"]][:3] == [
        (40, "used"), (104 if bits == 64 else 100, "free"), (64, "used"),
    ]  # fmt: skip
    assert [one["status"] for one in broken] == ["damaged", "clean"]
    line = sound[0]["blocks"][0]["payload"]
    first = broken[0]["findings"][0]
    assert first["address"] == line + 40
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("overflow", line)
    again = memtrace("check", core, "--elf", elf, "--json", "--blocks").json()["heaps"]
    assert [(one["name"], one["status"], one["blocks"]) for one in again] == [
        (one["name"], one["status"], one["blocks"]) for one in broken
    ]


@pytest.mark.parametrize("bits", [32, 64])
def test_heaps_of_umm_malloc(bits: int, tmp_path: Path) -> None:
    elf, core = tmp_path / "umm", tmp_path / "core"
    done = stopped("umm", elf, bits, f"gcore {core}")
    sound, broken = (one.json()["heaps"] for one in done.captured)
    assert [(one["kind"], one["status"], one["poisoning"]) for one in sound] == [("umm_malloc", "clean", "light")] * 2
    main = max(sound, key=lambda heap: int(heap["end"] - heap["start"]))
    assert [(block["requested"], block["state"]) for block in main["blocks"]][:4] == [
        (21, "used"), (None, "free"), (64, "used"), (9, "used"),
    ]  # fmt: skip
    (hit,) = [heap for heap in broken if heap["address"] == main["address"]]
    (finding,) = hit["findings"]
    line = main["blocks"][0]["payload"]
    assert (finding["rule"], finding["address"], finding["length"]) == ("poison-tail", line + 21, 2)
    assert (finding["explanations"][0]["kind"], finding["explanations"][0]["payload"]) == ("overflow", line)
    again = memtrace("check", core, "--elf", elf, "--json", "--blocks").json()["heaps"]
    assert [(one["status"], one["blocks"]) for one in again] == [(one["status"], one["blocks"]) for one in broken]


@pytest.mark.parametrize("bits", [32, 64])
def test_lwips_heap_beside_that_of_freertos(bits: int, tmp_path: Path) -> None:
    """Both are found by the names of their variables, and only the damaged one is called so."""
    elf, core = tmp_path / "lwip", tmp_path / "core"
    done = stopped("lwip", elf, bits, f"gcore {core}")
    sound, broken = ({one["kind"]: one for one in report.json()["heaps"]} for report in done.captured)
    assert {kind: one["status"] for kind, one in sound.items()} == {"freertos_heap_4": "clean", "lwip_mem": "clean"}
    assert [(block["size"], block["state"]) for block in sound["lwip_mem"]["blocks"]] == [
        (40, "used"), (104, "used"), (64, "used"), (784, "free"),
    ]  # fmt: skip
    assert {kind: one["status"] for kind, one in broken.items()} == {"freertos_heap_4": "clean", "lwip_mem": "damaged"}
    line = sound["lwip_mem"]["blocks"][0]["payload"]
    first = broken["lwip_mem"]["findings"][0]
    assert (first["rule"], first["address"]) == ("block-next", line + 40)
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("overflow", line)
    again = {one["kind"]: one for one in memtrace("check", core, "--elf", elf, "--json", "--blocks").json()["heaps"]}
    assert {kind: (one["status"], one["blocks"]) for kind, one in again.items()} == {
        kind: (one["status"], one["blocks"]) for kind, one in broken.items()
    }


@pytest.mark.parametrize("bits", [32, 64])
def test_heaps_of_zephyr(bits: int, tmp_path: Path) -> None:
    """The kernel's heap, whose users' pointers lie behind a pointer of k_malloc's, and one of K_HEAP_DEFINE."""
    elf, core = tmp_path / "zephyr", tmp_path / "core"
    done = stopped("zephyr", elf, bits, f"gcore {core}")
    sound, broken = (one.json()["heaps"] for one in done.captured)
    assert [(one["kind"], one["name"], one["status"]) for one in sound] == [
        ("sys_heap", "_system_heap", "clean"),
        ("sys_heap", "sensors", "clean"),
    ]
    header, word = (8, 8) if bits == 64 else (4, 4)
    first = (16 + 4 * 8) // 8 * 8
    leads = [one["blocks"][0]["payload"] - one["address"] - first for one in sound]
    assert leads == [header + word, header]
    assert [one["status"] for one in broken] == ["damaged", "clean"]
    owner = sound[0]["blocks"][0]["payload"]
    found = broken[0]["findings"][0]
    assert (found["explanations"][0]["kind"], found["explanations"][0]["payload"]) == ("overflow", owner)
    again = memtrace("check", core, "--elf", elf, "--json", "--blocks").json()["heaps"]
    assert [(one["name"], one["status"], one["blocks"]) for one in again] == [
        (one["name"], one["status"], one["blocks"]) for one in broken
    ]


@pytest.mark.parametrize("bits", [32, 64])
def test_zephyrs_heaptrace_names_the_owners(bits: int, tmp_path: Path) -> None:
    """By debug information, in GDB and of a core: thread, stack, and the pointer behind k_malloc's own."""
    elf, core = tmp_path / "zephyr", tmp_path / "core"
    subprocess.run(["gcc", f"-m{bits}", "-g", "-O1", "-w", "-o", elf, HEAPS / "zephyr.c"], check=True)
    hostile = [
        "set var heaptrace_records[3].bt_depth = 0x7fffffff",
        "set var heaptrace_records[3].alloc_thread_name[0] = 27",
        "set var heaptrace_records[0].used = 1",  # it has no block
    ]
    asked = [Capture("heap-blocks --json"), Capture("malloc-log --json"), "continue", CHECK, f"gcore {core}"]
    told = [*hostile, Capture("heap-blocks --json"), Capture("heap-blocks")]
    done = run_gdb(["break stop_here", "run", SOURCE, *asked, *told], elf=elf, program=NATIVE_GDB)
    listed, log, broken, odd = (done.json(number) for number in range(4))
    owners = [
        (one["owner"]["task"], one["owner"]["allocated"][0]["function"]) for one in listed["blocks"] if one["owner"]
    ]
    assert owners == [("shell", "shell_line"), ("net_rx", "net_packet"), ("sensors", "sensor_sample")]
    assert [(one["seq"], one["task"], one["time"]) for one in log["events"]] == [
        (1, "shell", 120), (2, "net_rx", 250), (3, "sensors", 300),
    ]  # fmt: skip
    left, right = broken["heaps"][0]["findings"][0]["suspects"]
    assert [one["allocated"][0]["function"] for one in (left, right)] == ["shell_line", "net_packet"]
    assert [one["owner"]["allocated"][0]["function"] for one in odd["blocks"] if one["owner"]] == [
        "shell_line", "sensor_sample",
    ]  # fmt: skip
    assert [one["why"].partition(";")[0] for one in odd["skipped"] if one["check"] == "trace"] == [
        "Zephyr's heaptrace: 1 of 4 records cannot be read, or make no sense",
        "Zephyr's heaptrace: its table of 4 records is full, so a block without a record tells nothing",
    ]
    assert "hell: shell_line" in done.captured[4].output
    assert "\x1b" not in done.captured[4].output
    last = memtrace("last", hex(listed["blocks"][0]["payload"]), core, "--elf", elf, "--json").json()
    assert [(one["task"], one["allocated"][0]["function"]) for one in last["generations"]] == [("shell", "shell_line")]


def same(text: str) -> str:
    """A text without addresses, which differ by the compiler, and how wide the columns are."""
    return re.sub(" +", " ", re.sub(r"0x[0-9a-f]+", "ADDRESS", text))


def test_the_session_with_heaptrace_goes_as_it_is_shown(tmp_path: Path) -> None:
    (shown,) = blocks("gdb-native")
    (before, sound), _, (after, broken) = turns(shown.text)
    elf = tmp_path / shown.tag
    subprocess.run(["gcc", "-g", "-O1", "-w", "-o", elf, HEAPS / f"{shown.tag}.c"], check=True)
    line = ["break stop_here", "run", SOURCE, Capture(before), "continue", Capture(after)]
    done = run_gdb(line, elf=elf, program=NATIVE_GDB)
    for wanted, printed in zip((sound, broken), done.captured, strict=True):
        assert agree(same(wanted), same(printed.output)), printed.output


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("release", [3, 5])
def test_the_heap_of_rt_thread(release: int, bits: int, tmp_path: Path) -> None:
    """It is found by system_heap, in 3.1 by heap_ptr; its items say which thread has each block."""
    elf, core = tmp_path / "rtthread", tmp_path / "core"
    done = stopped("rtthread", elf, bits, f"gcore {core}", define=f"RELEASE={release}")
    (sound,), (broken,) = (one.json()["heaps"] for one in done.captured)
    assert (sound["kind"], sound["status"]) == ("rtthread_mem", "clean")
    assert [(block["size"], block["state"]) for block in sound["blocks"]][:3] == [
        (40, "used"), (104, "used"), (64, "used"),
    ]  # fmt: skip
    line, first = sound["blocks"][0]["payload"], broken["findings"][0]
    assert (broken["status"], first["rule"], first["block"]) == ("damaged", "block-next", sound["blocks"][1]["payload"])
    assert (first["explanations"][0]["kind"], first["explanations"][0]["payload"]) == ("overflow", line)
    assert [block["payload"] for block in broken["blocks"]] == [
        block["payload"] for block in sound["blocks"] if block["payload"] != first["block"]
    ]
    (again,) = memtrace("check", core, "--elf", elf, "--json", "--blocks").json()["heaps"]
    assert (again["status"], again["blocks"]) == (broken["status"], broken["blocks"])
