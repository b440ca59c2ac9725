# SPDX-License-Identifier: Apache-2.0
"""What is Arm's own: even return addresses, frames by the code, a stack for interrupts, both kinds of atomic steps.

The scenarios themselves run on these chips in the other files, as variants "m0", "m3", "m4" and "m33".
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
from gdbext.trace.ring import read_ring
from tests.support import firmware
from tests.support.chips import chip_of
from tests.support.gdb import Capture, remote, run_gdb
from tests.support.markers import marked_line
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.scenario import run_scenario

RING_BYTES = 32 << 10
DONE = ["break scenario_done"]
COMMANDS = ["memtrace status", "heap-check", "heap-free", "heap-blocks", "last-malloc $sp", "malloc-log"]


@pytest.mark.parametrize("variant", ["m0", "m33"])
def test_return_addresses_are_kept_even(variant: str) -> None:
    chip, elf = chip_of(variant), firmware.build(variant)
    base = chip.base + (2 << 20)
    with Qemu(elf, append="scenario=clean", chip=chip) as target:
        words = f"python print('RING', gdb.selected_inferior().read_memory({base}, {RING_BYTES}).tobytes().hex())"
        done = run_gdb([remote(target.remote), *DONE, "continue", words], elf=elf, program=chip.gdb)
    found = re.search(r"RING ([0-9a-f]+)", done.stdout)
    assert found is not None, done.stdout
    trace = read_ring(Memory(snapshot_of([(base, bytes.fromhex(found[1]))], 4, "little")), base)
    assert (trace.header.arch, trace.header.abi, trace.header.code_region) == (4, 4, 0)
    pcs = {pc for event in trace.events for pc in event.stack}
    assert len(pcs) > 10 and all(pc % 2 == 0 for pc in pcs)


@pytest.mark.parametrize("variant", ["m0", "m4"])
def test_deep_calls_are_walked_whole(variant: str) -> None:
    done = run_scenario("bench", [Capture("malloc-log --all --json")], before=DONE, variant=variant)
    stacks = [event["stack"] for event in done.json()["events"] if event["task"] == "main"]
    names = [[frame["function"] for frame in stack if not frame["inlined"]] for stack in stacks if stack]
    depths = {len(stack) for stack in names}
    assert max(depths) == 16 and len(depths) > 4
    assert {name for stack in names for name in stack} == {"descend"}


@pytest.mark.parametrize("variant", ["m0", "m4", "m33"])
def test_an_interrupt_ends_where_it_began(variant: str) -> None:
    """The interrupted task's frames lie on the other stack: none of them is taken for the interrupt's."""
    done = run_scenario("isr", [Capture("malloc-log --all --json")], before=DONE, variant=variant)
    stacks = {
        tuple(frame["function"] for frame in event["stack"] if not frame["inlined"])
        for event in done.json()["events"]
        if event["task"] == "(interrupt)"
    }
    assert stacks == {("isr_message_create", "isr_message_send", "timer_tick")}


@pytest.mark.parametrize(("variant", "instruction"), [("m4", "ldrex"), ("m0", "cpsid")])
def test_what_makes_a_step_atomic(variant: str, instruction: str) -> None:
    """Exclusive loads and stores where the core has them, else interrupts off; neither a library's call."""
    done = run_gdb(["disassemble memtrace_free_quick"], elf=firmware.build(variant), program=chip_of(variant).gdb)
    assert instruction in done.stdout and "__sync" not in done.stdout and "__atomic" not in done.stdout


@pytest.mark.parametrize("variant", ["m0", "m4"])
def test_a_saved_core_opens_in_gdb_and_in_the_shell(variant: str, tmp_path: Path) -> None:
    core = tmp_path / "saved"
    live = run_scenario(
        "seed", [Capture("heap-check --json"), "info registers", f"memtrace save {core}"], variant=variant
    )
    words = [str(core), "--elf", str(firmware.build(variant)), "--json"]
    done = subprocess.run([sys.executable, "-m", "gdbext", "check", *words], cwd=ROOT, capture_output=True, text=True)
    suspect = json.loads(done.stdout)["heaps"][0]["findings"][0]["suspects"][0]
    assert [frame["function"] for frame in suspect["allocated"]] == ["test_used_after_free", "app_main"]
    assert suspect["allocated"][0]["line"] == marked_line(
        ROOT / "tests/target/scenarios/malloc_test.c", "seed-alloc-data"
    )
    assert json.loads(done.stdout)["heaps"][0]["findings"] == live.json()["heaps"][0]["findings"]
    again = run_gdb([f"core-file {core}", "bt"], elf=firmware.build(variant), program=chip_of(variant).gdb)
    assert "memtrace_assert_stop" in again.stdout and "test_used_after_free" in again.stdout


@pytest.mark.parametrize("variant", ["m0", "m4", "m33"])
def test_every_command_answers(variant: str) -> None:
    asked = [Capture(f"{command} --json") for command in COMMANDS]
    done = run_scenario("tasks", [*asked, Capture("memtrace mark here")], before=DONE, variant=variant)
    assert [(captured.command, captured.error) for captured in done.captured if captured.error] == []
    assert {heap["status"] for heap in done.json(1)["heaps"]} == {"clean"}
    assert {event["task"] for event in done.json(5)["events"]} <= {"main", "producer", "consumer", "logger"}
    assert "asked: mark here" in done.captured[-1].output
