# SPDX-License-Identifier: Apache-2.0
"""The stop at an assertion, however GDB is run, and every stop that is not ours."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.support import firmware
from tests.support.core import core_bytes
from tests.support.gdb import NATIVE_GDB, SOURCE, Capture, GdbSession, remote, run_gdb
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.rsp_proxy import RspProxy
from tests.support.scenario import run_scenario, talk_to_scenario

STOPS = ("memtrace_assert_stop", "__assert_func", "abort")
HEADLINE = "memtrace: heap assertion in tlsf_free: block already marked as free"


def test_in_batch_the_report_comes_from_the_stop_itself() -> None:
    done = run_scenario("seed", [])
    assert done.stdout.count(HEADLINE) == 1
    assert "DAMAGE 1" in done.stdout


def test_with_commands_piped_in() -> None:
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=seed") as chip:
        lines = [SOURCE, "target " + remote(chip.remote).split(" ", 1)[1], "continue", "kill", "quit"]
        done = run_gdb([], elf=elf, stdin="\n".join(lines) + "\n")
    assert done.stdout.count(HEADLINE) == 1


@pytest.mark.parametrize("tty", [True, False])
def test_in_a_session(tty: bool) -> None:
    with talk_to_scenario("seed", tty=tty) as (gdb, _):
        assert gdb.command("continue").count(HEADLINE) == 1


def test_under_execute_to_string() -> None:
    command = "python text = gdb.execute('continue', to_string=True); print('GOT', 'DAMAGE 1' in text)"
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=seed") as chip:
        done = run_gdb([SOURCE, remote(chip.remote), command], elf=elf)
    assert "GOT True" in done.stdout


def test_with_one_hardware_breakpoint() -> None:
    before = ["set remote hardware-breakpoint-limit 1", "set breakpoint auto-hw on"]
    assert HEADLINE in run_scenario("seed", [], before=before).stdout


def test_off_by_setting() -> None:
    done = run_scenario("seed", ["echo ended\\n"], before=["set memtrace auto-stop off", "break board_exit"])
    assert HEADLINE not in done.stdout
    quiet = run_scenario("seed", [], before=["set memtrace auto-report off"])
    assert "heap-check shows the report" in quiet.stdout
    assert "DAMAGE" not in quiet.stdout


def stop_traffic(source: bool) -> Counter[bytes]:
    """Packets of three stops at a user's breakpoint, without those that set and remove breakpoints.

    GDB itself reads the instruction under each breakpoint that it sets, to see how long it is: not counted for ours.
    """
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=clean") as chip, RspProxy(chip.remote) as proxy, GdbSession(elf=elf) as gdb:
        if source:
            gdb.command(SOURCE)
        gdb.command(remote(proxy.remote))
        places = [gdb.command(f"p/x (unsigned long)&{name}").partition("0x")[2] for name in STOPS]
        gdb.command("break malloc")
        gdb.command("continue")
        proxy.forget()
        for _ in range(3):
            gdb.command("continue")
        seen = Counter(request.data for request in proxy.log if request.kind[0] not in "Zz")
    for place in {int(one.split()[0], 16) & -64 for one in places if one}:
        seen.pop(f"m{place:x},40".encode(), None)
    return seen


def test_a_stop_that_is_not_ours_costs_nothing() -> None:
    assert stop_traffic(True) == stop_traffic(False)


def test_a_second_command_at_the_same_stop_costs_nothing() -> None:
    with talk_to_scenario("seed") as (gdb, proxy):
        gdb.command("continue")
        proxy.forget()
        assert "DAMAGE 1" in gdb.command("heap-check")
        gdb.command("heap-blocks")
        gdb.command("last-malloc 0x801017f4")
        assert proxy.count_except() == 0


@pytest.mark.parametrize("taken", ["__assert_func, abort", "abort"])
def test_without_the_hook_the_c_library_s_functions_are_taken(taken: str) -> None:
    """The firmware calls no hook; the second case stands for a C library whose assert has another name."""
    elf = firmware.build("hookless")
    hide = f"m.stop_functions = lambda has: {taken.split(', ')!r}; f.session().debugger.arm()"
    with Qemu(elf, append="scenario=seed") as chip:
        commands = [
            SOURCE,
            f"python import gdbext.faces.gdb as f, gdbext.target.gdb as m; {hide}",
            remote(chip.remote),
            "continue",
        ]
        done = run_gdb([*commands, Capture("memtrace status")], elf=elf)
    assert done.stdout.count("DAMAGE 1 ") == 1
    assert done.stdout.count("memtrace: heap assertion in tlsf_free: block already marked as free") == 1
    assert f"automatic breakpoint at {taken}" in done.captured[0].output


def test_an_assertion_is_seen_without_the_recorder() -> None:
    """At abort, below the allocator's frames: what is broken is damage, not an operation in progress."""
    asked = "o = gdbext.faces.gdb.session().debugger.operation(); print('OPERATION', o.in_allocator, o.asserted)"
    ask = f"python import gdbext.faces.gdb; {asked}"
    done = run_scenario("seed", [ask], before=["set memtrace auto-stop off", "break abort"])
    assert "OPERATION True True" in done.stdout
    busy = run_scenario("clean", [ask], before=["break tlsf_malloc"])
    assert "OPERATION True False" in busy.stdout
    idle = run_scenario("clean", [ask], before=["break scenario_done"])
    assert "OPERATION False False" in idle.stdout


# Variant, scenario, the function that sees the death, the allocator's function, whether it is a fault.
DEATHS = [
    ("idf-dies", "double", "esp_panic_handler", "tlsf_free", False),
    ("idf-dies", "pool", "esp_panic_handler", "multi_heap_free", False),
    ("idf-faults", "fault", "esp_panic_handler", "tlsf_free", True),
    ("nuttx", "double", "_assert", "tlsf_free", False),
    ("dies-in-idf", "double-free", "memtrace_assert_stop", "tlsf_free", False),
    ("dies-in-idf", "wrong-heap", "esp_panic_handler", "multi_heap_free", False),
    ("dies-in-nuttx", "inner-free", "memtrace_assert_stop", "block_next", False),
    ("hookless", "seed", "__assert_func", "tlsf_free", False),
    ("release", "uaf-links-text", "", "", False),
]
CHECK = Capture("heap-check --json")
LEFT_BY_THE_FAULT = [
    ("block-size", "damage"),
    ("list-link", "damage"),
    ("back-link", "damage"),
    ("free-not-listed", "note"),
]


@pytest.mark.parametrize(("variant", "scenario", "place", "function", "fault"), DEATHS)
def test_a_death_in_the_heap_is_reported_once(
    variant: str, scenario: str, place: str, function: str, fault: bool
) -> None:
    """With the recorder and without, wherever the system leads its assertions, aborts and faults."""
    before = ["break scenario_done"] if not place else []
    done = run_scenario(scenario, [Capture("frame"), CHECK, "continue"], variant=variant, before=before)
    reports = [
        line for line in done.stdout.splitlines() if line.startswith(("memtrace: heap assertion", "memtrace: f"))
    ]
    assert len(reports) == (1 if place else 0), done.stdout
    assert (place or "scenario_done") in done.captured[0].output
    told = done.json(1)["assertion"]
    assert (told["function"], told["fault"]) == (function, fault) if place else told is None


def test_a_fault_in_the_allocator_excuses_nothing() -> None:
    """The block that was filled is free, and on no list yet, which is no damage. The next size word is."""
    report = run_scenario("fault", [CHECK], variant="idf-faults").json()
    assert report["heaps"][0]["status"] == "damaged"
    assert [(one["rule"], one["severity"]) for one in report["heaps"][0]["findings"]] == LEFT_BY_THE_FAULT


ESP_INFO = (b"ESP_CORE_DUMP_INFO", 8266, bytes(4) + b"\0")


@pytest.mark.parametrize(("signal", "notes"), [(11, ()), (0, (ESP_INFO,))], ids=["signal", "esp-idf"])
@pytest.mark.parametrize("program", ["gdb", "shell"])
def test_a_core_of_a_fault_excuses_nothing(
    tmp_path: Path, signal: int, notes: tuple[tuple[bytes, int, bytes], ...], program: str
) -> None:
    """Of a core nobody knows the frames above the fault: its signal, or that ESP-IDF wrote it, tells of it."""
    data, heap = tmp_path / "data", tmp_path / "heap"
    dumps = [f"dump binary memory {data} 0x80080000 0x80090000", f"dump binary memory {heap} 0x80100000 0x80148000"]
    done = run_scenario("fault", [*dumps, "frame function remove_free_block", Capture("p/x $pc")], variant="idf-faults")
    pc = int(done.captured[0].output.split("0x")[1], 16)
    ranges = [(0x8008_0000, data.read_bytes()), (0x8010_0000, heap.read_bytes())]
    core, elf = tmp_path / "core", firmware.build("idf-faults")
    core.write_bytes(core_bytes(ranges, pc, signal=signal, notes=notes))
    if program == "gdb":
        report = run_gdb([SOURCE, f"core-file {core}", CHECK], elf=elf).json()
    else:
        report = memtrace("check", core, "--elf", elf, "--json").json()
    assert report["assertion"]["fault"]
    assert [(one["rule"], one["severity"]) for one in report["heaps"][0]["findings"]] == LEFT_BY_THE_FAULT


@pytest.mark.parametrize(
    ("variant", "frame"), [("idf-dies", "esp_panic_handler (info="), ("nuttx", "_assert (filename=")]
)
def test_the_program_s_own_assertion_shows_where_it_stopped(variant: str, frame: str) -> None:
    done = run_scenario("own", ["echo still here\\n"], variant=variant)
    assert f"#0  {frame}" in done.stdout
    assert "heap assertion" not in done.stdout
    assert "still here" in done.stdout


NATIVE = """
#include <stdlib.h>
#include <string.h>
int main(int count, char **words)
{
    if (count > 1 && strcmp(words[1], "abort") == 0) {
        abort();
    }
    char *volatile block = malloc(40);
    free(block);
    free(block);
    return 0;
}
"""


@pytest.mark.parametrize("death", ["abort", "twice"])
def test_a_process_that_aborts_stops_as_without_memtrace(tmp_path: Path, death: str) -> None:
    """Also in a free of the C library, whose heap is none that memtrace knows."""
    source, elf = tmp_path / "native.c", tmp_path / "native"
    source.write_text(NATIVE)
    subprocess.run(["gcc", "-g", "-O0", "-w", "-o", elf, source], check=True)
    told: list[Any] = []
    for sourced in (False, True):
        with GdbSession(elf=elf, program=NATIVE_GDB) as gdb:
            if sourced:
                gdb.command(SOURCE)
            told.append(gdb.command(f"run {death}"))
    assert told[0] == told[1]
    assert "Program received signal SIGABRT" in told[1]


NATIVE_HEAP = """
#include <stdlib.h>
#include <string.h>
#include "board.h"
#include "heap_caps.h"
unsigned board_core(void) { return 0; }
uint32_t board_interrupts_off(void) { return 0; }
void board_interrupts_restore(uint32_t state) { (void)state; }
bool board_word_claim(uint32_t *word, uint32_t expected, uint32_t desired) { return *word == expected; }
void board_word_release(uint32_t *word, uint32_t value) { *word = value; }
static char memory[65536] __attribute__((aligned(16)));
static const soc_memory_type_desc_t types[] = {{"RAM", {MALLOC_CAP_DEFAULT, 0, 0}}};
int main(int count, char **words)
{
    const struct heap_region regions[] = {{memory, sizeof memory, 0}};
    heap_caps_init(regions, 1, types);
    char *one = heap_caps_malloc(64, MALLOC_CAP_DEFAULT), *two = heap_caps_malloc(64, MALLOC_CAP_DEFAULT);
    if (count > 1 && strcmp(words[1], "fault") == 0) {
        memset(one, 0x13, 160);
    }
    heap_caps_free(one);
    heap_caps_free(one);
    return two == NULL;
}
"""


@pytest.mark.parametrize(("death", "defines", "line"), [
    ("twice", [], "heap assertion in tlsf_free: "),
    ("fault", ["-Dtlsf_assert(condition)=((void)(condition))"], "fault in tlsf_free: "),
])  # fmt: skip
def test_a_process_that_dies_in_a_heap_that_is_known_is_reported(
    tmp_path: Path, death: str, defines: list[str], line: str
) -> None:
    """By the C library's abort, and by the signal of a fault."""
    source, elf, heap = tmp_path / "native.c", tmp_path / "native", ROOT / "tests" / "target" / "heap"
    source.write_text(NATIVE_HEAP)
    build = ["gcc", "-m32", "-g", "-O1", "-w", *defines, f"-I{heap}", f"-I{heap.parent}", "-o", elf, source]
    subprocess.run([*build, *sorted(heap.glob("*.c"))], check=True)
    with GdbSession(elf=elf, program=NATIVE_GDB) as gdb:
        gdb.command(SOURCE)
        told = gdb.command(f"run {death}")
        if death == "twice":
            gdb.command("continue")  # to the signal of abort
        again = gdb.command("heap-check")
    assert told.count(f"memtrace: {line}") == again.count(f"memtrace: {line}") == 1
    assert "DAMAGE 1" in again
    assert "DAMAGE 1" in told
    assert ("SIGSEGV" in told) == (death == "fault")
