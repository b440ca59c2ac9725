# SPDX-License-Identifier: Apache-2.0
"""Who did it: each scenario through real GDB on QEMU, on the data of the report.

For each bug: one group of damage, the likeliest explanation, the culprit's and the victim's lines, tasks and states;
and, where the bytes cannot tell, that nobody is named first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.support import firmware
from tests.support.culprits import BUGS, Bug, Report, assert_named, damage, place, places
from tests.support.gdb import Capture
from tests.support.scenario import run_scenario

VARIANTS = ["default", "os", "nofp", "de212", "lx106", "m0", "m4"]


def check(scenario: str, *options: str, **settings: Any) -> Report:
    """`heap-check --json` at the scenario's end."""
    command = Capture(" ".join(["heap-check --json", *options]))
    done = run_scenario(scenario, [command], before=["break scenario_done"], **settings)
    report = done.json()
    assert isinstance(report, dict), done.stderr
    return report


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.scenario)
def test_the_report_names_who_did_it(bug: Bug, variant: str) -> None:
    assert_named(bug, check(bug.scenario, variant=variant))


def test_the_seed_case_in_full() -> None:
    report = check("seed", "--blocks")
    assert report["assertion"]["function"] == "tlsf_free"
    assert "block already marked as free" in report["assertion"]["text"]
    primary = damage(report)[0]
    data, following = primary["suspects"][:2]
    assert following["payload"] == data["payload"] + 1028
    assert (data["size"], following["size"]) == (1024, 1024)
    assert (primary["block"], primary["address"], primary["length"]) == (
        following["payload"],
        following["payload"] - 4,
        4,
    )
    assert primary["bytes"] == "ffffffff"
    assert (primary["extent"]["start"], primary["extent"]["end"]) == (data["payload"], data["payload"] + 1028)
    assert [frame["function"] for frame in data["allocated"]] == ["test_used_after_free", "app_main"]
    assert data["seq"] < data["freed_seq"] < following["freed_seq"] < report["assertion"]["seq"]
    heap = report["heaps"][0]
    assert heap["gaps"] == [{"start": following["payload"] - 4, "end": following["payload"] + 1024}]
    assert heap["resumed"] == [following["payload"] + 1028]
    used = [block["payload"] for block in heap["blocks"] if block["state"] == "used"]
    assert len(used) == heap["used_blocks"] >= 30


@pytest.mark.parametrize("variant", ["default", "de212", "lx106", "m4", "m33"])
def test_a_pointer_that_was_written_there_is_named(variant: str, tmp_path: Path) -> None:
    core = tmp_path / "core"
    asked = [Capture("heap-check --json"), Capture("heap-check"), f"memtrace save {core}"]
    done = run_scenario("handlers", asked, before=["break scenario_done"], variant=variant)
    words = damage(done.json())[0]["extent"]["words"]
    assert words.endswith(" is a pointer to the function packet_release_later)")
    assert f": {words}" in done.captured[1].output
    assert (
        damage(memtrace("check", "--json", core, "--elf", firmware.build(variant)).json())[0]["extent"]["words"]
        == words
    )


@pytest.mark.parametrize("scenario", ["stray", "stray-assert"])
def test_a_stray_write_blames_nobody_first(scenario: str) -> None:
    primary = damage(check(scenario))[0]
    best = primary["explanations"][0]
    assert (best["kind"], best["payload"]) == ("stray-write", None)
    assert {finding["group"] for finding in damage(check(scenario))} == {1}
    assert place("node-alloc") in places(primary["suspects"][0]["allocated"])


def test_an_address_with_a_new_owner_names_both() -> None:
    primary = damage(check("reused"))[0]
    owners = [suspect for suspect in primary["suspects"] if suspect["payload"] == primary["suspects"][0]["payload"]]
    assert {suspect["state"] for suspect in owners} == {"used", "freed"}
    lines = [place_ for suspect in owners for place_ in places(suspect["allocated"])]
    assert {place("reused-first-alloc"), place("reused-second-alloc")} <= set(lines)
    stale = [told for told in primary["explanations"] if told["kind"] == "write-after-free"]
    assert "cannot tell the two owners apart" in " ".join(stale[0]["evidence"])


def test_a_culprit_older_than_the_ring_is_said_to_be() -> None:
    report = check("overwritten")
    primary = damage(report)[0]
    assert report["trace"]["lost"] > 0
    assert primary["suspects"][0]["allocated"] == []
    assert primary["suspects"][0]["why_facts"]["sentence"] == "allocation-overwritten"
    assert primary["explanations"][0]["kind"] == "overflow"


def test_a_live_table_remembers_the_culprit() -> None:
    done = run_scenario("overwritten live=512", [Capture("heap-check --json")])
    primary = damage(done.json())[0]
    assert place("overflow-alloc") in places(primary["suspects"][0]["allocated"])


def test_inlined_functions_are_named() -> None:
    primary = damage(check("inlined"))[0]
    frames = primary["suspects"][0]["allocated"]
    names = [frame["function"] for frame in frames]
    assert names[:2] == ["inlined_pixels_allocate", "inlined_canvas_create"]
    assert [frame["inlined"] for frame in frames[:2]] == [True, True]
    assert not frames[2]["inlined"]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "scenario", ["clean", "leak", "exhaustion", "random", "two-heaps", "isr", "tasks", "smp pairs=2000"]
)
def test_a_sound_heap_has_no_finding(scenario: str, variant: str) -> None:
    report = check(scenario, variant=variant)
    assert [heap["status"] for heap in report["heaps"]] == ["clean", "clean"]
    assert [heap["findings"] for heap in report["heaps"]] == [[], []]
    assert report["skipped"] == []


def last(scenario: str, expression: str, **settings: Any) -> Report:
    """`last-malloc EXPRESSION --json` at the scenario's end."""
    command = Capture(f"last-malloc {expression} --json")
    report = run_scenario(scenario, [command], before=["break scenario_done"], **settings).json()
    assert isinstance(report, dict)
    return report


def test_last_malloc_tells_all_lives_of_an_address() -> None:
    ask = Capture("last-malloc $_memtrace_culprit --json")
    find = "python import json; report = json.loads(gdb.execute('heap-check --json', to_string=True))"
    keep = "python gdb.set_convenience_variable('_memtrace_culprit', %s['suspects'][0]['payload'] + 100)"
    done = run_scenario("seed", [find, keep % "report['heaps'][0]['findings'][0]", Capture("heap-check --json"), ask])
    seed, report = damage(done.json())[0]["suspects"][0], done.json(1)
    assert report["block"]["state"] == "free"
    assert (report["block"]["payload"], report["block"]["offset"]) == (seed["payload"], 100)
    newest, older = report["generations"][:2]
    assert place("seed-alloc-data") in places(newest["allocated"])
    assert place("seed-free-data") in places(newest["freed"])
    assert newest["size"] == 1024
    # Another run: the emulator's clock decides how many time records lie between events.
    assert older["freed_seq"] < newest["seq"] < newest["freed_seq"]


def test_last_malloc_outside_every_heap() -> None:
    report = last("clean", "$pc")
    assert (report["block"], report["generations"]) == (None, [])


@pytest.mark.parametrize("variant", ["default", "nofp", "de212", "lx106", "m0"])
def test_depth_of_stacks(variant: str, build_firmware: Callable[[str], Path]) -> None:
    """With frame pointers whole stacks; without, exactly the caller."""
    primary = damage(check("overflow-4", variant=variant))[0]
    names = [frame["function"] for frame in primary["suspects"][0]["allocated"]]
    whole = ["packet_allocate", "left_create", "test_overflow_4", "app_main"]
    assert names == (whole[:1] if variant == "nofp" else whole)
