# SPDX-License-Identifier: Apache-2.0
"""What is Xtensa's own: window increments in return addresses, windows in registers, frames without a fixed place.

The scenarios themselves run on these chips in the other files, as variants "de212" and "lx106".
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.trace.format import Header
from gdbext.trace.ring import read_ring
from tests.support import firmware
from tests.support.chips import CHIPS, chip_of
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.markers import marked_line
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.scenario import run_scenario

RING_BYTES = 32 << 10
DONE = ["break scenario_done"]


def ring_of(variant: str, scenario: str) -> tuple[Header, list[int], set[int]]:
    """A ring's header, the PCs as they stand in its table of stacks, and as its events have them."""
    chip, elf = chip_of(variant), firmware.build(variant)
    base = chip.base + (2 << 20)
    with Qemu(elf, append=f"scenario={scenario}", chip=chip) as target:
        words = f"python print('RING', gdb.selected_inferior().read_memory({base}, {RING_BYTES}).tobytes().hex())"
        done = run_gdb([remote(target.remote), *DONE, "continue", words], elf=elf, program=chip.gdb)
    found = re.search(r"RING ([0-9a-f]+)", done.stdout)
    assert found is not None, done.stdout
    trace = read_ring(Memory(snapshot_of([(base, bytes.fromhex(found[1]))], 4, "little")), base)
    table = trace.header.tables["stacks"]
    arena = bytes.fromhex(found[1])[table.offset :]
    stored = [int.from_bytes(arena[at : at + 4], "little") for at in range(0, 4 * 200, 4)]
    return trace.header, stored, {pc for event in trace.events for pc in event.stack}


def test_windowed_return_addresses_are_kept_raw_and_read_as_addresses() -> None:
    header, stored, pcs = ring_of("de212", "clean")
    assert (header.arch, header.abi, header.code_region) == (2, 2, 0x4000_0000)
    assert pcs and {pc >> 28 for pc in pcs} == {4}
    assert {pc & 0x3FFF_FFFF | 2 << 30 for pc in pcs} & set(stored), "CALL8 leaves its two in the top bits"


def test_call0_return_addresses_are_plain() -> None:
    header, stored, pcs = ring_of("lx106", "clean")
    assert (header.arch, header.abi, header.code_region) == (2, 3, 0)
    assert pcs and {pc >> 28 for pc in pcs} == {4}
    assert pcs & set(stored)


@pytest.mark.parametrize("variant", ["de212", "lx106"])
def test_deep_calls_are_walked_whole(variant: str) -> None:
    """More frames than the register file holds: overflow, spill, underflow and the walk must agree on all of them."""
    done = run_scenario("bench", [Capture("malloc-log --all --json")], before=DONE, variant=variant)
    stacks = [event["stack"] for event in done.json()["events"] if event["task"] == "main"]
    names = [[frame["function"] for frame in stack if not frame["inlined"]] for stack in stacks if stack]
    depths = {len(stack) for stack in names}
    assert max(depths) == 16 and len(depths) > 4
    assert {name for stack in names for name in stack if name != "operate"} == {"descend"}


# Behind `entry`, frames_walk has caller.frame in a3, limit in a4, visit in a7; its caller gets the depth in a10.
WRONG = ["0", "$a3", "$a3 - 16", "$right + 4", "$a4 + 16", "0xfffffff0"]


def test_a_stack_pointer_that_cannot_be_ends_the_walk() -> None:
    """The caller's a1 in its base-save area, overwritten while the recorder walks: one PC, no fault, and on it goes."""
    lines = ["tbreak traffic_run", "continue", "break *((char *) frames_walk + 3) if $a7 == 0"]
    back = ["up", "tbreak *$pc", "continue", 'printf "DEPTH %d\\n", $a10 & 0xff', "set *$slot = $right"]
    for value in ["$right", *WRONG]:
        lines += [
            "continue",
            "set $slot = (unsigned *) ($a3 - 12)",
            "set $right = *$slot",
            f"set *$slot = {value}",
            *back,
        ]
    lines += ["delete", *DONE, "continue", Capture("heap-check --json")]
    elf, chip = firmware.build("de212"), CHIPS["de212"]
    with Qemu(elf, append="scenario=clean", chip=chip) as target:
        done = run_gdb([SOURCE, remote(target.remote), *lines], elf=elf, program=chip.gdb)
    depths = [int(depth) for depth in re.findall(r"DEPTH (\d+)", done.stdout)]
    assert depths[0] > 1, done.stdout
    assert depths[1:] == [1] * len(WRONG), done.stdout
    assert {heap["status"] for heap in done.json()["heaps"]} == {"clean"}


@pytest.mark.parametrize("variant", ["de212", "de212-64", "lx106"])
def test_two_callers_of_one_function_are_told_apart(variant: str) -> None:
    """The caller is in registers, and under the stack pointer still stands who called there before."""
    log = Capture("malloc-log --json --kind free --limit 8")
    done = run_scenario("callers", [log], before=DONE, variant=variant)
    callers = [[frame["function"] for frame in event["stack"]][:3] for event in done.json()["events"]]
    assert callers == [["block_release", f"{who}_release", "test_callers"] for who in ("even", "odd")] * 4


@pytest.mark.parametrize(("variant", "instruction"), [("de212", "s32c1i"), ("lx106", "rsil")])
def test_what_makes_a_step_atomic(variant: str, instruction: str) -> None:
    """S32C1I where the core has it, else the interrupt level; neither a library's call."""
    done = run_gdb(["disassemble memtrace_free_quick"], elf=firmware.build(variant), program=chip_of(variant).gdb)
    assert instruction in done.stdout


def test_a_saved_core_opens_in_the_shell(tmp_path: Path) -> None:
    """The windowed core's program and ring, without any GDB that knows Xtensa."""
    run_scenario("seed", [f"memtrace save {tmp_path / 'saved'}"], variant="de212")
    words = [str(tmp_path / "saved"), "--elf", str(firmware.build("de212")), "--json"]
    done = subprocess.run([sys.executable, "-m", "gdbext", "check", *words], cwd=ROOT, capture_output=True, text=True)
    suspect = json.loads(done.stdout)["heaps"][0]["findings"][0]["suspects"][0]
    assert [frame["function"] for frame in suspect["allocated"]] == ["test_used_after_free", "app_main"]
    line = marked_line(ROOT / "tests/target/scenarios/malloc_test.c", "seed-alloc-data")
    assert suspect["allocated"][0]["line"] == line


COMMANDS = ["memtrace status", "heap-check", "heap-free", "heap-blocks", "last-malloc $sp", "malloc-log"]


@pytest.mark.parametrize("variant", ["de212", "lx106"])
def test_every_command_answers(variant: str) -> None:
    asked = [Capture(f"{command} --json") for command in COMMANDS]
    done = run_scenario("tasks", [*asked, Capture("memtrace mark here")], before=DONE, variant=variant)
    assert [(captured.command, captured.error) for captured in done.captured if captured.error] == []
    assert {heap["status"] for heap in done.json(1)["heaps"]} == {"clean"}
    assert {event["task"] for event in done.json(5)["events"]} <= {"main", "producer", "consumer", "logger"}
    assert "asked: mark here" in done.captured[-1].output
