# SPDX-License-Identifier: Apache-2.0
"""The port to FreeRTOS on the real kernel: who leaked is told alike by each way out, and what goes wrong is seen."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import shell
from tests.ports.freertos_kernel import BOARDS, FIRMWARE, KERNEL, PORT, VIRT, Firmware, build
from tests.ports.steps import are_few, carry_out, steps_of
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.paths import ROOT
from tests.support.qemu import Qemu

RUN_SECONDS = 60.0
# An interrupt must not call heap_4: these kernels' assertions say so, and are left out where it is to be recorded.
CALM = ("-DFIRMWARE_ASSERTS_NOTHING",)
GATEWAYS = {name: Firmware(board=name, defines=CALM if name in ("m3", "m4") else ()) for name in BOARDS}
SPINS = "-DMEMTRACE_PORT_SELFTEST_SPINS=400000000"  # turns of a loop that waits: no machine is so busy
LOG = "malloc-log --all --json"
LEAKS = "heap-leaks --since settled --json"
# Of each one, innermost first.
STACKS = {
    "network": ("packet_create", "packet_handle", "network_task"),
    "brief": ("note_leave", "brief_task"),
    "ISR": ("frame_take", "board_interrupt"),
}


@dataclass(frozen=True)
class Ran:
    """What a firmware printed, and what GDB said where it stopped."""

    elf: Path
    line: bytes  # all that came over the serial line
    said: list[Any]  # by each of the captured commands
    text: str

    @property
    def printed(self) -> str:
        """The text of the line, without the frames of a log."""
        return bytes(byte for byte in self.line if byte < 0x80 and byte != 0x1E).decode()


def run(firmware: Firmware, commands: Sequence[str] = ()) -> Ran:
    """Runs it to its end. With commands a GDB stops it before, where it is done or its allocator fails."""
    elf = build(firmware)
    with Qemu(elf, chip=firmware.chip, paused=bool(commands)) as chip:
        if not commands:
            assert chip.wait(RUN_SECONDS) == 0, chip.console
            return Ran(elf, chip.raw_console, [], "")
        lines = [SOURCE, remote(chip.remote), "break firmware_done", "continue"]
        done = run_gdb([*lines, *map(Capture, commands), "kill"], elf=elf, program=firmware.chip.gdb)
        return Ran(elf, chip.raw_console, [done.json(at) for at in range(len(commands))], done.stdout)


@cache
def gateway(board: str) -> Ran:
    """The leaking firmware, stopped at its end."""
    return run(GATEWAYS[board], (LEAKS, LOG, "heap-free --json", "memtrace status --json"))


def book(ran: Ran) -> set[tuple[int, int, str]]:
    """What the program says that it leaked: address, size, task."""
    return {
        (int(at, 0), int(size), task) for at, size, task in re.findall(r"^book (\S+) (\d+) (\w+)$", ran.printed, re.M)
    }


def leaks(report: Any) -> dict[tuple[int, int, str], tuple[str, ...]]:
    """The functions that made each block, innermost first, without what the kernel has for itself."""
    blocks = [one for one in report["blocks"] if one["owner"]["task"] != "(start-up)"]
    task = {"(interrupt)": "ISR"}
    return {
        (one["payload"], one["requested"], task.get(one["owner"]["task"], one["owner"]["task"])): tuple(
            frame["function"] for frame in one["owner"]["allocated"]
        )
        for one in blocks
    }


@pytest.mark.parametrize("board", BOARDS)
def test_a_debugger_tells_who_leaked(board: str) -> None:
    ran = gateway(board)
    told = leaks(ran.said[0])
    assert len(told) == 9 and set(told) == book(ran)
    for (_, _, task), stack in told.items():
        whole = STACKS[task]
        assert stack[: len(whole)] == whole, (task, stack)


@pytest.mark.parametrize("board", BOARDS)
def test_the_log_of_the_serial_line_tells_the_same(board: str, tmp_path: Path) -> None:
    ran = gateway(board)
    log = tmp_path / "line"
    log.write_bytes(ran.line)
    assert leaks(shell("leaks", log, "--elf", ran.elf, "--since", "settled")) == leaks(ran.said[0])
    report = shell("report", log, "--elf", ran.elf)
    live = {site["function"]: (site["live_blocks"], site["live_bytes"]) for site in report["sites"]}
    assert (
        live["packet_create"] == (4, 4 * 48) and live["note_leave"] == (3, 3 * 20) and live["frame_take"] == (2, 2 * 36)
    )


def listed(text: str) -> dict[tuple[int, int, str], tuple[str, ...]]:
    """As `leaks`, of the records of a listing of live blocks and the functions that a host has named below each."""
    names = {int(number, 16): name for number, name in re.findall(r"^MT1 N (\w+) (\S+) ", text, re.M)}
    found = {}
    for at, size, task, below in re.findall(r"^MT1 A (\w+) (\w+) \w+ (\w+) .*\n((?:--- 0x.*\n)*)", text, re.M):
        if (name := names[int(task, 16)]) != "startup":
            found[int(at, 16), int(size, 16), name] = tuple(re.findall(r"^--- 0x\w+: (\w+) at", below, re.M))
    return found


@pytest.mark.parametrize("command", ["decode", "explain"])
@pytest.mark.parametrize("board", BOARDS)
def test_the_console_tells_the_same_on_the_device(board: str, command: str, tmp_path: Path) -> None:
    """The answer of `since settled`, printed amid the frames of the log, with names that a host puts to it."""
    ran = gateway(board)
    line = tmp_path / "line"
    line.write_bytes(ran.line)
    words = [sys.executable, "-m", "gdbext", command, str(line), "--elf", str(ran.elf)]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=60)
    assert said.returncode == 0 and listed(said.stdout.decode(errors="replace")) == leaks(ran.said[0])


@pytest.mark.parametrize("board", BOARDS)
def test_the_console_knows_the_kernel_s_heap_and_tasks(board: str) -> None:
    ran = gateway(board)
    [heap] = re.findall(r"^MT1 H FreeRTOS internal 0 (\w+) (\w+) (\w+) (\w+) ", ran.printed, re.M)
    total, free, minimum, largest = (int(number, 16) for number in heap)
    [seen] = ran.said[2]["heaps"]
    assert (total, free, largest) == (
        32768,
        seen["free_bytes"] + 8 * seen["free_blocks"] * (1 + board.startswith("rv")),
        largest,
    )
    assert minimum <= free and largest <= free
    tasks = re.findall(r"^MT1 K (\w+) (\w) (\w+) (\w+) (\w+) (\w+) (\w+) (\w+) (\w+) ", ran.printed, re.M)
    told = {name: (state, int(priority, 16)) for name, state, priority, *_ in tasks}
    assert told == {"control": ("X", 1), "IDLE": ("R", 0), "network": ("S", 2), "sensor": ("S", 4)}
    for name, _, _, _, unused, _, now, low, high in tasks:
        [task] = [one for one in ran.said[2]["tasks"] if one["task"] == name]
        assert int(low, 16) == task["start"] and int(low, 16) < int(now, 16) <= int(high, 16)
        assert int(high, 16) - int(low, 16) <= task["size"] + 16 and 0 < int(unused, 16) <= task["size"]


@pytest.mark.parametrize("board", BOARDS)
def test_the_events_are_each_task_s_own(board: str) -> None:
    """Of several priorities, before the scheduler, in an interrupt; with a clock that goes on."""
    events = gateway(board).said[1]["events"]
    by = {task: [one for one in events if one["task"] == task] for task in {one["task"] for one in events}}
    assert set(by) == {"(start-up)", "sensor", "network", "control", "brief", "IDLE", "(interrupt)"}
    assert [one["kind"] for one in by["sensor"]] == ["alloc", "free"] * 48
    assert len(by["network"]) == 12 + 8 and len(by["brief"]) == 3 and len(by["(interrupt)"]) == 2
    times = [one["time"] for one in events]
    assert times == sorted(times) and times[-1] >= 48, "a millisecond for each of the sensor's rounds"


@pytest.mark.parametrize("board", BOARDS)
def test_the_kernel_s_tasks_are_read(board: str) -> None:
    report = gateway(board).said[2]
    assert {one["task"] for one in report["tasks"]} == {"IDLE", "control", "network", "sensor"}
    [heap] = report["heaps"]
    assert heap["kind"] == "freertos_heap_4" and heap["used_bytes"] + heap["free_bytes"] < 32768


@pytest.mark.parametrize("board", BOARDS)
def test_status_says_which_hooks_have_fired_and_whether_assertions_would_stop(board: str) -> None:
    ring = gateway(board).said[3]["ring"]
    stops = (
        None if board in ("m3", "m4") else True
    )  # those assert nothing: the recorder's part of it is not even linked
    assert ring["fired"] == ["alloc", "free"] and ring["asserts"] is stops


@pytest.mark.parametrize("board", BOARDS)
def test_the_port_keeps_its_promises(board: str) -> None:
    ran = run(Firmware("promises", board, defines=("-DMEMTRACE_RING_BYTES=0", SPINS)))
    assert ran.printed == "every promise that could be checked is kept\n"


@pytest.mark.parametrize("board", BOARDS)
def test_every_hook_works(board: str) -> None:
    assert run(Firmware("hooks", board)).printed == "0: every hook works\n"


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        (Firmware("hooks", unwrapped=("pvPortMalloc",)), "0x2: the hook of malloc "),
        (Firmware("hooks", unwrapped=("pvPortCalloc",)), "0x10000: the hook of calloc "),
        (Firmware("hooks", unwrapped=("vPortFree",)), "0x4: the hook of free "),
        (Firmware("hooks", defines=CALM), "0x80: configASSERT does not lead to the recorder"),
    ],
    ids=["malloc", "calloc", "free", "assert"],
)
def test_a_hook_that_is_left_out_is_named(left_out: Firmware, named: str) -> None:
    assert run(left_out).printed.startswith(named)


@pytest.mark.parametrize("macros", [False, True], ids=["wrap", "macros"])
@pytest.mark.parametrize("heap", [1, 2, 3, 4, 5])
def test_each_heap_is_recorded(heap: int, macros: bool) -> None:
    """By --wrap with the sizes that were asked for, by the trace macros with what the allocator makes of them."""
    [report] = (ran := run(Firmware("heaps", heap=heap, macros=macros), (LOG,))).said
    first, last = (at for at, one in enumerate(report["events"]) if one["kind"] == "mark")
    events = [(one["kind"], one["payload"] or 0, one["size"]) for one in report["events"][first + 1 : last]]
    calls = [
        (kind, int(at, 0), int(size))
        for kind, at, size in re.findall(r"^call (\S+) (\S+) (\d+)$", ran.printed, re.M)
        if (kind, at) != ("free", "0")
    ]
    assert [one[:2] for one in events] == [one[:2] for one in calls] and len(calls) >= 26
    for (kind, _, size), (_, _, asked) in zip(events, calls, strict=True):
        most = asked + 48 if macros and kind != "free" else asked
        assert asked <= size <= most, (kind, size, asked)
    assert all(one["stack"][0]["function"].startswith("block_g") for one in report["events"][first + 1 : last])


def test_an_exhausted_heap_is_in_the_ring_before_the_hook_stays_away() -> None:
    [report] = run(Firmware("trouble", defines=("-DTROUBLE=exhausted",)), (LOG,)).said
    last = report["events"][-1]
    assert (last["kind"], last["size"], last["task"]) == ("alloc-failed", 1 << 20, "trouble")


@pytest.mark.parametrize("board", ["rv32", "m3"])
def test_a_failed_assertion_stops_with_the_culprit_and_goes_the_user_s_way(board: str) -> None:
    """The user's configASSERT is told the kernel's file and line, not the port's."""
    ran = run(Firmware("trouble", board, defines=("-DTROUBLE=freed_twice",)), ("heap-check --json",))
    [report] = ran.said
    assert report["assertion"]["function"] == "vPortFree" and "heapBLOCK_IS_ALLOCATED" in report["assertion"]["text"]
    [heap] = report["heaps"]
    assert heap["findings"][0]["explanations"][0]["kind"] == "double-free"
    elf = build(Firmware("trouble", board, defines=("-DTROUBLE=freed_twice",)))
    with Qemu(elf, chip=BOARDS[board].chip, paused=False) as chip:
        assert chip.wait(RUN_SECONDS) == 1
        said = re.fullmatch(r"assertion heap_4\.c:(\d+)\n", chip.console)
    assert said, chip.console
    lines = (KERNEL / "portable/MemMang/heap_4.c").read_text().splitlines()
    assert "configASSERT( heapBLOCK_IS_ALLOCATED( pxLink ) != 0 )" in lines[int(said[1]) - 1]


def test_an_interrupt_that_the_kernel_refuses_is_named() -> None:
    ran = run(Firmware(board="m3"), ("heap-check --json", LOG))
    assert ran.said[0]["assertion"]["function"] == "vPortEnterCritical"
    last = ran.said[1]["events"][-1]
    assert (last["kind"], last["task"]) == ("assert", "(interrupt)")


def test_a_full_ring_keeps_the_owners_of_what_lives() -> None:
    ran = run(Firmware("trouble", defines=("-DTROUBLE=many", "-DMEMTRACE_RING_BYTES=4096")), (LOG, "heap-leaks --json"))
    log, report = ran.said
    found = re.search(r"^kept (\S+)$", ran.printed, re.M)
    assert found and log["trace"]["overwritten"] > 1000 and log["trace"]["lost"] == log["trace"]["overwritten"]
    [kept] = [one for one in report["blocks"] if one["payload"] == int(found[1], 0)]
    assert kept["owner"]["task"] == "trouble" and kept["owner"]["allocated"][0]["function"] == "block_get"


def test_a_full_table_of_stacks_leaves_the_callers() -> None:
    [report] = run(Firmware("trouble", defines=("-DTROUBLE=stacks", "-DMEMTRACE_RING_BYTES=0")), (LOG,)).said
    assert report["trace"]["stacks_full"] > 0
    allocations = [one for one in report["events"] if one["kind"] == "alloc" and one["task"] == "trouble"]
    assert len(allocations) == 61 and {one["stack"][0]["function"] for one in allocations} == {"block_get"}
    assert {len(one["stack"]) for one in allocations} == {1, 16}


@pytest.mark.parametrize("board", ["rv32", "m0"])
def test_a_task_in_a_deleted_one_s_memory_has_its_own_name(board: str) -> None:
    ran = run(Firmware("trouble", board, defines=("-DTROUBLE=renamed",)), (LOG,))
    told = re.findall(r"^(first|second) (\S+)$", ran.printed, re.M)
    assert "one handle" in ran.printed and len(told) == 2
    by = {one["payload"]: one["task"] for one in ran.said[0]["events"] if one["kind"] == "alloc"}
    assert [by[int(at, 0)] for _, at in told] == ["first", "second"]


COUNTS = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0, 5, 0x7FFFFFFF, 0x80000001, 0xFFFFFFF0, 3)


@pytest.mark.parametrize(("board", "bits"), [("rv32", 32), ("m3", 32), ("m3", 16)])
def test_the_clock_never_turns_over(board: str, bits: int) -> None:
    """Nor while a tick is being counted."""
    ran = run(Firmware("clock", board, defines=("-DFIRMWARE_SHORT_TICKS",) if bits == 16 else ()))
    wanted, time = [], 0
    for count in COUNTS:
        time += (count - time) % (1 << bits)
        wanted += [(when, time) for when in ("within", "behind")]
    told = re.findall(r"^(\w+) 0?x?(\w+) (\w{8})$", ran.printed, re.M)
    assert [(when, int(high, 16) << 32 | int(low, 16)) for when, high, low in told] == wanted


def test_trace_macros_of_another_tool_are_named_at_compile_time() -> None:
    with pytest.raises(SystemExit, match="trace macros are defined already"):
        build(Firmware(macros=True, defines=("-DtraceFREE(block,size)=",)))


def test_a_configuration_without_the_line_is_named_at_compile_time(tmp_path: Path) -> None:
    config = (ROOT / FIRMWARE / "FreeRTOSConfig.h").read_text().replace('#include "memtrace_freertos.h"\n', "")
    (tmp_path / "FreeRTOSConfig.h").write_text(config)
    board = BOARDS["rv32"]
    places = (KERNEL / "include", *(KERNEL / "portable/GCC" / one for one in board.port), ROOT / PORT)
    flags = (*board.flags, "-DMEMTRACE=1", *(f"-I{one}" for one in (tmp_path, *places, ROOT / "c_helpers/include")))
    source = ROOT / PORT / "memtrace_freertos.c"
    done = subprocess.run([board.compiler, *flags, "-fsyntax-only", str(source)], capture_output=True, text=True)
    assert done.returncode != 0 and "FreeRTOSConfig.h does not include memtrace_freertos.h" in done.stderr


def sizes(folder: Path) -> str:
    """What `size` says of the user's program, built anew."""
    line = "rm -f app.elf && make -s && riscv64-unknown-elf-size app.elf"
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def hooks_said(folder: Path) -> str:
    """What the last block of the how-to page makes GDB print, of the user's program with its self-test."""
    page = (ROOT / "docs" / "how-to" / "port-freertos.md").read_text()
    typed = re.findall(r"^\(gdb\) (.*)$", page, re.M)
    done = subprocess.run(
        "rm app.elf && make -s MEMTRACE_WITH=selftest", shell=True, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0 and "MEMTRACE_WITH = selftest" in page, done.stderr
    with Qemu(folder / "app.elf", paused=True) as chip:
        said = run_gdb([remote(chip.remote), *typed, "kill"], elf=folder / "app.elf").stdout
    told = re.search(r'^\$1 = 0x\w+ "(.*)"$', said, re.M)
    assert told, said
    return told[1]


def test_a_user_puts_it_in_by_the_readme_and_takes_it_out(tmp_path: Path) -> None:
    project = ROOT / FIRMWARE / "project"
    for path in (*project.iterdir(), *(ROOT / VIRT / name for name in ("board.c", "board.h", "start.S", "link.ld"))):
        shutil.copy(path, tmp_path)
    (tmp_path / "FreeRTOS-Kernel").symlink_to(KERNEL)
    before = sizes(tmp_path)
    readme = ROOT / PORT / "README.md"
    steps = steps_of(readme)
    assert are_few(steps)
    carry_out(steps, tmp_path)
    assert sizes(tmp_path) != before
    elf = tmp_path / "app.elf"
    with Qemu(elf, paused=True) as chip:
        lines = [SOURCE, remote(chip.remote), "break app_done", "continue"]
        report = run_gdb([*lines, Capture("heap-leaks --json"), "kill"], elf=elf).json()
    made = [one for one in report["blocks"] if one["owner"]["allocated"][0]["function"] == "reading_take"]
    assert [(one["requested"], one["owner"]["task"]) for one in made] == [(33, "sensor")] * 3
    assert [frame["function"] for frame in made[0]["owner"]["allocated"]] == ["reading_take", "sensor"]
    assert hooks_said(tmp_path) == "every hook works"
    carry_out(steps_of(readme, "Take it out"), tmp_path)
    assert sizes(tmp_path) == before
