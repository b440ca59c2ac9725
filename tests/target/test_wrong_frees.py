# SPDX-License-Identifier: Apache-2.0
"""Frees that go wrong: where the trace and the heap disagree, and where the trace names what the heap cannot."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.support import firmware
from tests.support.culprits import Party, assert_party
from tests.support.gdb import NATIVE_GDB, SOURCE, Capture, run_gdb
from tests.support.scenario import run_scenario

CHECK = Capture("heap-check --json")
Finding = dict[str, Any]


def check(scenario: str, variant: str = "default", before: tuple[str, ...] = ()) -> dict[str, Any]:
    """`heap-check --json` at the scenario's end."""
    report = run_scenario(scenario, [CHECK], before=[*before, "break scenario_done"], variant=variant).json()
    assert isinstance(report, dict)
    return report


def findings(report: dict[str, Any], rule: str) -> list[Finding]:
    return [finding for heap in report["heaps"] for finding in heap["findings"] if finding["rule"] == rule]


def best(finding: Finding) -> tuple[str, int]:
    first = finding["explanations"][0]
    return first["kind"], first["payload"]


DISAGREE = [
    ("unseen-free", "trace-live-free", [Party("freed", "message-alloc")]),
    ("shared", "trace-overlap", [Party("used", "message-alloc"), Party("used", "shared-alloc")]),
    ("joined", "trace-overlap", [Party("used", "message-alloc"), Party("used", "joined-alloc")]),
]


@pytest.mark.parametrize("variant", ["default", "de212", "lx106", "m4"])
@pytest.mark.parametrize(("scenario", "rule", "parties"), DISAGREE, ids=[name for name, _, _ in DISAGREE])
def test_what_only_the_trace_says_is_a_note(scenario: str, rule: str, parties: list[Party], variant: str) -> None:
    report = check(scenario, variant)
    assert [heap["status"] for heap in report["heaps"]] == ["clean", "clean"]
    told = [finding for heap in report["heaps"] for finding in heap["findings"]]
    assert [(finding["rule"], finding["severity"]) for finding in told] == [(rule, "note")]
    suspects = told[0]["suspects"]
    assert len(suspects) == len(parties)
    for suspect, party in zip(suspects, parties, strict=True):
        assert_party(suspect, party)
    assert best(told[0]) == ("unrecorded-free", suspects[0]["payload"])


@pytest.mark.parametrize("scenario", ["unseen-free", "shared"])
def test_a_trace_proves_what_came_since_a_restart(scenario: str) -> None:
    function = f"test_{scenario.replace('-', '_')}"
    before = ("tbreak traffic_run", "continue", "memtrace stop", f"tbreak {function}", "continue", "memtrace start")
    report = check(scenario, before=before)
    (rule,) = [rule for name, rule, _ in DISAGREE if name == scenario]
    assert [(one["rule"], one["severity"]) for heap in report["heaps"] for one in heap["findings"]] == [(rule, "note")]


@pytest.mark.parametrize("variant", ["default", "de212", "lx106", "m4"])
def test_a_free_into_another_heap_is_named_where_it_is_refused(variant: str) -> None:
    report = check("wrong-heap", variant)
    assert report["assertion"]["text"] == "pointer outside of the heap"
    (finding,) = findings(report, "refused-free")
    assert (finding["severity"], best(finding)) == ("note", ("wrong-heap-free", finding["block"]))
    assert_party(finding["suspects"][0], Party("freeing", "message-alloc", "wrong-heap-free"))


@pytest.mark.parametrize("variant", ["default", "de212", "lx106", "m4"])
def test_a_free_of_a_pointer_into_a_block_names_the_block(variant: str) -> None:
    report = check("inner-free", variant)
    (finding,) = findings(report, "refused-free")
    assert (finding["severity"], best(finding)) == ("note", ("invalid-free", finding["block"]))
    block, freed = finding["suspects"]
    assert_party(block, Party("used", "message-alloc"))
    assert (freed["payload"], freed["state"]) == (block["payload"] + 16, "freeing")


def test_without_assertions_both_heaps_tell_of_a_free_into_the_other() -> None:
    report = check("wrong-heap", "release")
    (unlisted,) = findings(report, "free-not-listed")
    (link,) = [finding for finding in findings(report, "list-link") if finding["explanations"]]
    for finding in (unlisted, link):
        assert best(finding) == ("wrong-heap-free", unlisted["block"])
        assert_party(finding["suspects"][0], Party("freed", "message-alloc", "wrong-heap-free"))


def test_without_assertions_a_double_free_shows_both_frees() -> None:
    (finding,) = findings(check("double-free", "release"), "double-free")
    assert best(finding) == ("double-free", finding["block"])
    first, second = finding["suspects"]
    assert_party(first, Party("freed", "node-alloc", "node-free"))
    assert_party(second, Party("freed", "node-alloc", "double-free-second"))  # nothing shows that it is under way


def test_a_double_free_is_told_when_its_task_has_long_gone_on() -> None:
    """What the trace has of it explains the list that runs in a circle."""
    report = check("double-free-late", "release")
    cycles = [finding for finding in findings(report, "list-cycle") if finding["explanations"]]
    (finding,) = cycles
    assert best(finding)[0] == "double-free"
    assert_party(finding["suspects"][0], Party("freed", "node-alloc", "node-free"))


# The calls at the stop tell what no trace of ours does. Variant, scenario, and of the finding: its rule, its severity,
# the kind of its explanation; the sentence of the place that no heap holds.
GIVEN = [
    ("idf-dies", "double", "double-free", "damage", "double-free", None),
    ("idf-dies", "inner", "refused-free", "note", "invalid-free", None),
    ("idf-dies", "pool", "refused-free", "note", "wrong-heap-free", None),
    ("idf-dies", "static", "refused-free", "note", "invalid-free", ("spot-variable", "table")),
    ("idf-dies", "constant", "refused-free", "note", "invalid-free", ("spot-constant", "greeting")),
    ("idf-dies", "stack", "refused-free", "note", "invalid-free", ("spot-own-stack", "")),
    ("idf-kernel", "stack", "refused-free", "note", "invalid-free", ("spot-task", "network")),
    ("idf-faults", "static", "refused-free", "note", "invalid-free", ("spot-variable", "table")),
    ("nuttx", "double", "double-free", "damage", "double-free", None),
    ("dies-in-idf", "wrong-heap", "refused-free", "note", "wrong-heap-free", None),
]
POINTERS = {"double": "kept[1]", "inner": "kept[1]", "pool": "kept[1]", "static": "&table", "constant": "&greeting"}


@pytest.mark.parametrize(("variant", "scenario", "rule", "severity", "kind", "place"), GIVEN)
def test_the_calls_at_the_stop_name_the_pointer(
    variant: str, scenario: str, rule: str, severity: str, kind: str, place: tuple[str, str] | None
) -> None:
    pointer = Capture(f"p/x (unsigned long){POINTERS.get(scenario, '0')}")
    done = run_scenario(scenario, [CHECK, pointer], variant=variant)
    wanted = int(done.captured[1].output.split("0x")[1], 16) if scenario in POINTERS else None
    told = [finding for heap in done.json()["heaps"] for finding in heap["findings"] if finding["explanations"]]
    (finding,) = told
    assert (finding["rule"], finding["severity"], best(finding)[0]) == (rule, severity, kind)
    if place is None:
        assert finding["suspects"][-1]["freed"], "the calls of the stop"
        assert wanted is None or finding["suspects"][0]["payload"] == wanted
        assert finding["suspects"][0]["allocated"], "its owner, from whatever trace there is"
    else:
        said = finding["text_facts"]["place"]["where"]
        assert (said["sentence"], said.get("name", said.get("task", ""))) == place
        assert wanted is None or finding["address"] == wanted


def test_a_core_in_gdb_names_the_pointer_too(tmp_path: Path) -> None:
    core = tmp_path / "core"
    run_scenario("double", [f"memtrace save {core}"], variant="idf-dies", before=["set memtrace auto-report off"])
    report = run_gdb([SOURCE, f"core-file {core}", CHECK], elf=firmware.build("idf-dies")).json()
    (finding,) = findings(report, "double-free")
    assert best(finding)[0] == "double-free"
    assert [one["state"] for one in finding["suspects"]] == ["freed", "freeing"]
    in_shell = memtrace("check", core, "--elf", firmware.build("idf-dies"), "--json").json()
    (again,) = findings(in_shell, "double-free")
    assert again == finding and in_shell["assertion"] == report["assertion"]


def test_a_sound_free_that_dies_of_other_damage_is_not_blamed() -> None:
    """What was given is a used block of that heap."""
    report = run_scenario("fault", [CHECK], variant="idf-faults").json()
    assert not findings(report, "refused-free") and not findings(report, "double-free")


HANDED_OUT = """
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#define STEP __attribute__((noipa))
typedef struct { uint32_t canary; size_t bytes; } poison_head_t;
static uint32_t memory[64];
STEP static poison_head_t *multi_heap_malloc_impl(void) { return (poison_head_t *)memory; }
STEP static uint8_t *poison_allocated_region(poison_head_t *head) { return (uint8_t *)(head + 1); }
STEP static bool verify_fill_pattern(uint8_t *data) { return *data != 0; }
STEP void *multi_heap_malloc(void *heap, size_t size)
{
    poison_head_t *head = multi_heap_malloc_impl();
    uint8_t *data = NULL;
    if (head != NULL) {
        data = poison_allocated_region(head);
        bool ret = verify_fill_pattern(data);
        assert(ret);
    }
    return heap != NULL && size != 0 ? data : NULL;
}
STEP static void *heap_caps_malloc(size_t size) { return multi_heap_malloc(memory, size); }
int main(void) { return heap_caps_malloc(40) == NULL; }
"""


@pytest.mark.parametrize("level", ["-O0", "-Og"])
def test_what_malloc_was_about_to_hand_out_is_in_its_frame(tmp_path: Path, level: str) -> None:
    """Where comprehensive poisoning verifies it, in the variables of ESP-IDF's function."""
    source, elf = tmp_path / "handed.c", tmp_path / "handed"
    source.write_text(HANDED_OUT)
    subprocess.run(["gcc", "-g", level, "-o", elf, source], check=True)
    ask = "given = gdbext.faces.gdb.session().debugger.operation().given"
    ask += "; print('GIVEN', given.function, given.handed_out)"
    same = "print('SAME', given.pointer - int(gdb.parse_and_eval('(unsigned long)memory')))"
    commands = [SOURCE, "run", f"python import gdbext.faces.gdb; {ask}; {same}"]
    told = run_gdb(commands, elf=elf, program=NATIVE_GDB).stdout
    assert "GIVEN multi_heap_malloc True" in told
    assert "SAME 16\n" in told or "SAME 0\n" in told, "the user's part, or the head in front of it"
