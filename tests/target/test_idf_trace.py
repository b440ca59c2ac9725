# SPDX-License-Identifier: Apache-2.0
"""ESP-IDF's heap tracing in place of our recorder: its records are the trace, in GDB and of a core in the shell."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.support import firmware
from tests.support.chips import RV32, chip_of
from tests.support.core import write_core
from tests.support.gdb import SOURCE, Capture, GdbResult, remote, run_gdb
from tests.support.markers import marked_line
from tests.support.paths import ROOT
from tests.support.qemu import Qemu

PROGRAM = ROOT / "tests/target/idf/program.c"
RANGES = {"data": (0x8008_0000, 0x1_0000), "heap": (0x8010_0000, 288 << 10), "second": (0x8018_0000, 48 << 10)}
COMMANDS = {
    "status": ("memtrace status", "status"),
    "check": ("heap-check", "check"),
    "blocks": ("heap-blocks --all", "blocks --all"),
    "leaks": ("heap-leaks", "leaks"),
    "lost": ("heap-leaks --unreachable", "leaks --unreachable"),
    "log": ("malloc-log", "log"),
}
RISCV, XTENSA = 243, 94
FORMS = ("idf-44", "idf-50", "idf-51", "idf-54", "idf-55", "de212-idf")
LEAVE = "python import os; os._exit(0)"  # a debugger that is gone without a word
STOP = ("break scenario_done", "set memtrace auto-report off", "continue")


@dataclass(frozen=True)
class Run:
    """One run: what GDB said at its end, and its memory as a core."""

    variant: str
    told: dict[str, Any]
    core: Path

    @property
    def elf(self) -> Path:
        return firmware.build(self.variant)

    def shell(self, name: str) -> Any:
        return memtrace(*COMMANDS[name][1].split(), self.core, "--elf", self.elf, "--json").json()

    def last(self, address: int) -> Any:
        """`last` of an address, in the shell."""
        return memtrace("last", hex(address), self.core, "--elf", self.elf, "--json").json()


def run(folder: Path, variant: str, append: str) -> Run:
    elf, chip = firmware.build(variant), chip_of(variant)
    ranges = {name: (chip.base - RV32.base + low, size) for name, (low, size) in RANGES.items()}
    if chip is not RV32:
        ranges["small"] = (0x3FFE_0000, 128 << 10)  # .data; the rest lies as on RISC-V
    asked = [Capture(f"{gdb} --json") for gdb, _ in COMMANDS.values()]
    dumps = [f"dump binary memory {folder / name} {low} {low + size}" for name, (low, size) in ranges.items()]
    with Qemu(elf, append=append, chip=chip) as target:
        done = run_gdb([SOURCE, remote(target.remote), *STOP, *asked, *dumps], elf=elf, program=chip.gdb)
    assert "Traceback" not in done.stdout + done.stderr
    held = [(low, (folder / name).read_bytes()) for name, (low, _) in ranges.items()]
    core = write_core(folder / "core", held, machine=RISCV if chip is RV32 else XTENSA)
    assert len(done.captured) == len(COMMANDS)
    if "overflow" not in append:
        assert [heap["status"] for heap in done.json(1)["heaps"]] == ["clean", "clean"]
    return Run(
        variant,
        {name: one.json() for name, one in zip(COMMANDS, done.captured, strict=True) if one.error is None},
        core,
    )


@pytest.fixture(scope="module", params=FORMS)
def overflow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("overflow"), request.param, "scenario=overflow mode=all")


def place(stack: list[Any]) -> tuple[str, int]:
    """The innermost frame's function and line."""
    return stack[0]["function"], stack[0]["line"]


def at(function: str, marker: str) -> tuple[str, int]:
    return function, marked_line(PROGRAM, marker)


def trace_lines(report: Any) -> list[str]:
    """What is said of the trace's limits."""
    return [item["why"] for item in report["skipped"] if item["check"] == "trace"]


def test_a_damage_has_its_owners(overflow: Run) -> None:
    check = overflow.told["check"]
    first = check["heaps"][0]["findings"][0]
    left, right = first["suspects"]
    assert (left["size"], place(left["allocated"])) == (64, at("frame_make", "frame"))
    assert (right["size"], place(right["allocated"])) == (64, at("frame_make", "neighbour"))
    assert (right["state"], place(right["freed"])) == ("used", at("frame_end", "end"))
    assert "a free of it is recorded" in right["why"]
    assert first["explanations"][0]["kind"] == "overflow"
    assert (left["seq"], right["seq"], right["freed_seq"]) == (5, 6, None)


def test_the_assertion_is_told_without_our_hook(overflow: Run) -> None:
    """On Xtensa's first instruction of a function its arguments are still in the caller's window."""
    assertion = overflow.told["check"]["assertion"]
    assert (assertion["function"], assertion["text"]) == ("tlsf_free", "block already marked as free")


def test_the_trace_says_where_it_comes_from(overflow: Run) -> None:
    status = overflow.told["status"]
    trace, imported = status["trace"], status["trace"]["imported"]
    assert (status["ring"], trace["kept"], trace["lost"], trace["running"], trace["state"]) == (
        None, 6, 0, True, "recording",
    )  # fmt: skip
    assert (imported["source"], imported["mode"]) == ("ESP-IDF's heap_trace", "all")
    assert (imported["capacity"], imported["depth"], imported["overflowed"]) == (16, 6, False)
    assert imported["frees_told"] == (overflow.variant != "idf-51")
    assert len(trace_lines(status)) == (overflow.variant == "idf-51")


def test_an_address_has_its_generations(overflow: Run) -> None:
    reply = next(
        event for event in overflow.told["log"]["events"] if place(event["stack"]) == at("reply_make", "reply")
    )
    now, before = overflow.last(reply["payload"])["generations"]
    assert (now["size"], now["freed"], place(now["allocated"])) == (48, None, at("reply_make", "reply"))
    assert place(before["allocated"]) == at("header_parse", "parse")
    told = [place(before["freed"])] if before["freed"] else []
    assert told == ([] if overflow.variant == "idf-51" else [at("header_drop", "drop")])


def test_lists_have_owners(overflow: Run) -> None:
    owned = {
        block["size"]: place(block["owner"]["allocated"])
        for block in overflow.told["blocks"]["blocks"]
        if block["owner"]
    }
    assert owned == {
        100: at("connection_open", "open"),
        48: at("reply_make", "reply"),
        72: at("cookie_lose", "lose"),
        64: at("frame_make", "frame"),
    }
    assert sorted(leak["size"] for leak in overflow.told["leaks"]["blocks"]) == [48, 64, 72, 100]
    (lost,) = overflow.told["lost"]["blocks"]
    assert (lost["size"], place(lost["owner"]["allocated"])) == (72, at("cookie_lose", "lose"))


def test_the_log_has_the_allocations_in_order(overflow: Run) -> None:
    log = overflow.told["log"]
    functions = [event["stack"][0]["function"] for event in log["events"]]
    assert functions == ["connection_open", "header_parse", "reply_make", "cookie_lose", "frame_make", "frame_make"]
    assert [event["seq"] for event in log["events"]] == [1, 2, 3, 4, 5, 6]
    assert {event["kind"] for event in log["events"]} == {"alloc"}
    assert any(item["check"] == "events" for item in log["skipped"])


def test_the_shell_says_the_same_of_a_core(overflow: Run) -> None:
    for name, report in overflow.told.items():
        parts = {"status": ("heaps", "ring", "trace"), "check": ("heaps", "trace"), "lost": ("blocks", "trace")}
        shell = overflow.shell(name)
        for part in parts.get(name, [part for part in report if part != "cost"]):
            assert shell[part] == report[part], (name, part)


def test_leaks_alone(tmp_path: Path) -> None:
    """What was freed has left the records: the block that is freed when the target stops, too."""
    done = run(tmp_path, "idf-55", "scenario=overflow mode=leaks")
    trace = done.told["check"]["trace"]
    assert (trace["kept"], trace["imported"]["mode"]) == (4, "leaks")
    left, right = done.told["check"]["heaps"][0]["findings"][0]["suspects"]
    assert place(left["allocated"]) == at("frame_make", "frame")
    assert (right["allocated"], right["freed"]) == ([], None)
    assert "not in the trace" in right["why"]
    assert sorted(leak["size"] for leak in done.told["leaks"]["blocks"]) == [48, 64, 72, 100]
    assert done.shell("leaks")["blocks"] == done.told["leaks"]["blocks"]


@pytest.mark.parametrize(
    ("variant", "mode", "lost"), [("idf-44", "all", 3), ("idf-55", "all", 3), ("idf-54", "leaks", 0)]
)
def test_records_that_were_overwritten(tmp_path: Path, variant: str, mode: str, lost: int) -> None:
    done = run(tmp_path, variant, f"scenario=clean mode={mode} records=3")
    trace = done.told["check"]["trace"]
    assert (trace["kept"], trace["overwritten"], trace["imported"]["overflowed"]) == (3, lost, True)
    assert [event["size"] for event in done.told["log"]["events"]] == [72, 64, 64]
    (why,) = trace_lines(done.told["check"])
    assert "older records are gone" in why
    assert done.shell("check")["trace"] == trace


@pytest.mark.parametrize(("variant", "scenario", "state"), [
    ("idf-50", "stopped", "stopped"), ("idf-54", "stopped", "stopped"), ("idf-54", "paused", "frees only"),
])  # fmt: skip
def test_tracing_that_is_off(tmp_path: Path, variant: str, scenario: str, state: str) -> None:
    done = run(tmp_path, variant, f"scenario={scenario} mode=all")
    trace = done.told["check"]["trace"]
    assert (trace["kept"], trace["state"], trace["running"]) == (4, state, state != "stopped")
    assert len(trace_lines(done.told["check"])) == 1
    said = memtrace("last", hex(done.told["log"]["events"][0]["payload"]), done.core, "--elf", done.elf).out
    assert ("no free of it is recorded" in said) == (state == "stopped")


def test_records_without_stacks(tmp_path: Path) -> None:
    """RISC-V without frame pointers: sizes and order are left, and nothing tells what was freed."""
    done = run(tmp_path, "idf-flat", "scenario=clean mode=all")
    imported = done.told["check"]["trace"]["imported"]
    assert (imported["depth"], imported["frees_told"]) == (0, False)
    assert [event["stack"] for event in done.told["log"]["events"]] == [[]] * 6
    assert len(trace_lines(done.told["check"])) == 2
    assert done.shell("log")["events"] == done.told["log"]["events"]


def test_the_records_are_no_pointers(tmp_path: Path) -> None:
    """They lie in a block that a variable leads to, and hold the address of every block."""
    done = run(tmp_path, "idf-55", "scenario=in-heap mode=all")
    assert done.told["check"]["trace"]["address"] >= RANGES["second"][0]
    for report in (done.told["lost"], done.shell("lost")):
        assert [leak["size"] for leak in report["blocks"]] == [72]


def test_a_saved_core_keeps_the_records(tmp_path: Path) -> None:
    elf = firmware.build("idf-55")
    with Qemu(elf, append="scenario=in-heap mode=all") as chip:
        said = run_gdb([SOURCE, remote(chip.remote), *STOP, f"memtrace save {tmp_path / 'saved'}"], elf=elf)
    assert (tmp_path / "saved").exists(), said.stdout + said.stderr
    log = memtrace("log", tmp_path / "saved", "--elf", elf, "--json").json()
    assert [place(event["stack"])[0] for event in log["events"]][:2] == ["connection_open", "header_parse"]


def test_without_debug_information_one_line_says_so(tmp_path: Path) -> None:
    bare = tmp_path / "bare.elf"
    subprocess.run(["riscv64-unknown-elf-objcopy", "--strip-debug", firmware.build("idf-55"), bare], check=True)
    with Qemu(bare, append="scenario=clean") as chip:
        done = run_gdb([SOURCE, remote(chip.remote), *STOP, Capture("memtrace status --json")], elf=bare)
    (why,) = trace_lines(done.json())
    assert "only debug information tells how" in why
    assert done.json()["trace"] is None
    done = run(tmp_path, "idf-55", "scenario=clean")  # type: ignore[assignment]
    shell = memtrace("status", done.core, "--elf", bare, "--json").json()  # type: ignore[attr-defined]
    assert trace_lines(shell) == [why]


def owners(report: Any) -> dict[str, int]:
    """How many blocks each task has that has a name."""
    tasks = [block["owner"]["task"] for block in report["blocks"] if block["owner"]]
    return {task: tasks.count(task) for task in set(tasks) if not task.startswith("0x")}


@pytest.mark.parametrize("scenario", ["clean", "untraced"])
def test_task_tracking_names_the_owners(tmp_path: Path, scenario: str) -> None:
    done = run(tmp_path, "idf-tasks", f"scenario={scenario} mode=leaks")
    assert owners(done.told["blocks"]) == owners(done.shell("blocks")) == {"main": 24, "network": 5}
    assert any("names the owners of 29 blocks: main, network" in fact for fact in done.told["status"]["facts"])
    (lost,) = [leak for leak in done.told["lost"]["blocks"] if leak["size"] == 72 + 4]
    assert (lost["owner"]["task"], len(lost["owner"]["allocated"]) > 0) == ("network", scenario == "clean")
    assert (done.told["check"]["trace"] is None) == (scenario == "untraced")


def test_handles_in_blocks_are_named_by_the_kernel(tmp_path: Path) -> None:
    """Task main is made by network, which so owns its stack and its control block."""
    done = run(tmp_path, "idf-kernel", "scenario=clean mode=leaks")
    assert owners(done.told["blocks"]) == owners(done.shell("blocks")) == {"main": 24, "network": 7}
    assert not any("ended" in block["owner"]["task"] for block in done.told["blocks"]["blocks"] if block["owner"])
    last = done.told["log"]["events"][-1]
    (life,) = done.last(last["payload"])["generations"]
    assert (life["task"], place(life["allocated"])) == ("network", at("frame_make", "neighbour"))


def test_a_handle_names_the_newest_owner_without_any_trace(tmp_path: Path) -> None:
    done = run(tmp_path, "idf-kernel", "scenario=untraced")
    block = next(block for block in done.told["blocks"]["blocks"] if block["size"] == 100 + 4)
    (life,) = done.last(block["payload"] + 50)["generations"]
    assert (life["task"], life["seq"], life["allocated"], life["freed"]) == ("network", None, [], None)


GARBAGE = {
    "records.count = 1000": "its numbers cannot be",
    "records.capacity = 0x7fffffff": "its numbers cannot be",
    "records.buffer = (heap_trace_record_t *)0": "it has no buffer",
    "records.buffer = (heap_trace_record_t *)0x12345678": "outside of the memory that is known",
    "mode = 77": "its mode is 77",
    "records.list.tqh_first = (heap_trace_record_t *)0x80080001": "breaks off at 0x80080001",
    "trace_records[1].tailq_list.tqe_next = &trace_records[0]": "breaks off at",
    "trace_records[2].size = 0xffffffff": "1 of 6 records cannot be read, or make no sense",
}


def test_garbage_costs_one_line_each() -> None:
    elf = firmware.build("idf-55")
    said: list[str | Capture] = []
    for damage in GARBAGE:
        name = damage.split(" = ")[0]
        said += [
            f"print $old = {name}",
            f"set var {damage}",
            Capture("memtrace status --json"),
            f"set var {name} = $old",
        ]
    with Qemu(elf, append="scenario=clean") as chip:
        done: GdbResult = run_gdb([SOURCE, remote(chip.remote), *STOP, *said], elf=elf)
    assert "Traceback" not in done.stdout + done.stderr
    for number, (damage, words) in enumerate(GARBAGE.items()):
        (why,) = trace_lines(done.json(number))
        assert words in why, (damage, why)


def test_a_live_target_in_the_shell() -> None:
    elf = firmware.build("idf-54")
    with Qemu(elf, append="scenario=overflow mode=all", tcp=True) as chip:
        run_gdb([remote(chip.remote), "break abort", "continue", LEAVE], elf=elf)
        report = memtrace("check", "--rsp", chip.remote, "--elf", elf, "--json").json()
    left, right = report["heaps"][0]["findings"][0]["suspects"]
    assert place(left["allocated"]) == at("frame_make", "frame")
    assert place(right["freed"]) == at("frame_end", "end")
