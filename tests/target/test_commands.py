# SPDX-License-Identifier: Apache-2.0
"""The commands beside heap-check, through real GDB on QEMU: data, filters, settings, completion, control."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gdb import Capture
from tests.support.scenario import run_scenario, talk_to_scenario

STOP = ["break scenario_done"]
Report = dict[str, Any]


def ask(scenario: str, *commands: str) -> list[Report]:
    """The JSON of several commands at one stop."""
    captures = [Capture(f"{command} --json") for command in commands]
    done = run_scenario(scenario, captures, before=STOP)
    return [done.json(position) for position in range(len(captures))]


def test_blocks_have_owners_and_totals() -> None:
    everything, check = ask("tasks", "heap-blocks --all", "heap-check --blocks")
    listed = [(block["payload"], block["size"], block["state"]) for block in everything["blocks"]]
    walked = [block for heap in check["heaps"] for block in heap["blocks"]]
    assert listed == [(block["payload"], block["size"], block["state"]) for block in walked]
    assert everything["total"] == {"blocks": len(listed), "bytes": sum(size for _, size, _ in listed)}


def test_blocks_go_through_their_filters() -> None:
    task, big, free, caller, few = ask(
        "leak ring=65536",
        "heap-blocks --all --task main",
        "heap-blocks --all --size 1k:",
        "heap-blocks --all --state free",
        "heap-blocks --all --caller load.c",
        "heap-blocks --limit 3",
    )
    assert task["blocks"]
    assert {block["owner"]["task"] for block in task["blocks"]} == {"main"}
    assert all(block["size"] >= 1024 for block in big["blocks"])
    assert {block["state"] for block in free["blocks"]} == {"free"}
    assert len(caller["blocks"]) == 100  # leak_count
    assert all(block["requested"] == 40 for block in caller["blocks"])
    assert len(few["blocks"]) == 3 < few["total"]["blocks"]


def test_an_address_range_finds_the_block_that_holds_it() -> None:
    (check,) = ask("clean", "heap-check --blocks")
    block = [block for block in check["heaps"][0]["blocks"] if block["state"] == "used"][3]
    inside = block["payload"] + block["size"] - 1
    (found,) = ask("clean", f"heap-blocks --address {inside:#x}:{inside:#x}")
    assert [entry["payload"] for entry in found["blocks"]] == [block["payload"]]


def test_free_shows_what_check_counts() -> None:
    free, check = ask("two-heaps", "heap-free", "heap-check")
    for mine, theirs in zip(free["heaps"], check["heaps"], strict=True):
        for name in ("used_blocks", "free_blocks", "used_bytes", "free_bytes", "largest_free", "minimum_free"):
            assert mine[name] == theirs[name]
        assert 0 <= mine["fragmentation"] < 1


def test_the_log_shows_the_newest_events_in_order() -> None:
    log, frees, marks = ask("leak", "malloc-log --limit 7", "malloc-log --all --kind free", "malloc-log --kind mark")
    seqs = [event["seq"] for event in log["events"]]
    assert len(seqs) == 7
    assert seqs == sorted(seqs)
    assert seqs[-1] == log["trace"]["last"]
    assert {event["kind"] for event in frees["events"]} == {"free"}
    assert len(marks["events"]) == 2
    low, high = seqs[0], seqs[2]
    (window,) = ask("leak", f"malloc-log --seq {low}:{high}")
    assert all(low <= event["seq"] <= high for event in window["events"])


def test_exhaustion_leaves_its_failures_in_the_log() -> None:
    (log,) = ask("exhaustion", "malloc-log --all --kind alloc-failed")
    assert len(log["events"]) == 6  # the seventh is a reallocation that failed
    assert {"exhaustion"} <= {frame["function"].split("_")[0] for frame in log["events"][0]["stack"]} | {"exhaustion"}
    assert max(event["size"] for event in log["events"]) == 1 << 20


def test_status_says_what_was_found() -> None:
    (status,) = ask("clean", "memtrace status")
    assert [heap["layout"] for heap in status["heaps"]] == ["espressif-dynamic", "espressif-dynamic"]
    assert status["ring"]["capacity"] > 1500
    assert status["ring"]["pending"] is None
    assert any("memtrace_assert_stop" in fact for fact in status["facts"])


def test_a_mark_is_asked_for_and_made() -> None:
    with talk_to_scenario("random") as (gdb, proxy):
        gdb.command("break scenario_done")
        gdb.command("tbreak test_random")
        gdb.command("continue")
        proxy.forget()
        said = gdb.command("memtrace mark halfway")
        assert "asked: mark halfway" in said
        ring = int(gdb.command("p/x (unsigned long)memtrace_ring").split("=")[1].strip().split()[0], 16)
        written = [request.data.split(b",")[0][1:] for request in proxy.log if request.kind in ("M", "X")]
        assert {int(address, 16) for address in written} == {ring + 144, ring + 136}  # the name and the request word
        assert "pending: `mark`" in gdb.command("memtrace status")
        assert "has not yet obeyed `mark`" in gdb.command("memtrace stop")
        gdb.command("continue")
        status = gdb.command("memtrace status")
        assert "pending" not in status


def test_stop_and_start_by_request() -> None:
    with talk_to_scenario("leak") as (gdb, _):
        gdb.command("break test_leak")
        gdb.command("break scenario_done")
        gdb.command("continue")
        gdb.command("memtrace stop")
        gdb.command("continue")
        assert "; stopped" in gdb.command("malloc-log")
        assert "while stopped" in gdb.command("malloc-log")
        assert "asked: start" in gdb.command("memtrace start")


@pytest.mark.parametrize("name", ["", "n" * 21])
def test_a_bad_name_of_a_mark_is_refused(name: str) -> None:
    done = run_scenario("clean", [f"memtrace mark '{name}'"], before=STOP)
    assert "a mark's name has 1 to 20 bytes" in done.stderr


COMPLETIONS = [
    ("heap-check --j", ["heap-check --json"]),
    ("heap-blocks --state u", ["heap-blocks --state used"]),
    ("heap-check --heap m", ["heap-check --heap multi_heap@"]),
    ("malloc-log --kind al", ["malloc-log --kind alloc", "malloc-log --kind alloc-failed"]),
    ("memtrace che", ["memtrace check"]),
    ("set memtrace auto-s", ["set memtrace auto-stop"]),
    ("heap-blocks --ta", ["heap-blocks --task"]),
]


@pytest.mark.parametrize(("typed", "printed"), COMPLETIONS, ids=[typed for typed, _ in COMPLETIONS])
def test_completion(typed: str, printed: list[str]) -> None:
    done = run_scenario("clean", [Capture(f"complete {typed}")], before=STOP)
    assert done.captured[0].output.splitlines() == printed


def test_settings_are_gdbs_own() -> None:
    done = run_scenario(
        "clean",
        [
            "set memtrace limit 2",
            Capture("show memtrace limit"),
            Capture("heap-blocks"),
            "set memtrace color on",
            Capture("heap-check"),
            "set memtrace color off",
            Capture("heap-check"),
        ],
        before=STOP,
    )
    show, blocks, coloured, plain = (captured.output for captured in done.captured)
    assert show == "How many entries lists show: 2.\n"
    assert "more (--all)" in blocks
    assert "\x1b[32mclean\x1b[0m" in coloured
    assert "\x1b" not in plain
