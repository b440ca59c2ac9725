# SPDX-License-Identifier: Apache-2.0
"""The commands beside heap-check, through real GDB on QEMU: data, filters, settings, completion, control."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support import firmware
from tests.support.gdb import SOURCE, Capture, GdbSession, run_gdb
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
        printed = gdb.command("malloc-log")
        assert "; stopped" in printed and "while frozen" not in printed  # off: nothing is counted
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
    ("heap-free --o", ["heap-free --output", "heap-free --overwrite"]),
    ("heap-free app_m", []),
    ("memtrace mark app_m", []),
    ("memtrace watch app_m", ["memtrace watch app_main"]),
    ("last-malloc app_m", ["last-malloc app_main"]),
    ("last-malloc --limit 1 (char *) app_m", ["last-malloc --limit 1 (char *) app_main"]),
    ("heap-refs --scan memtrace_ri", ["heap-refs --scan memtrace_ring"]),
]


@pytest.mark.parametrize(("typed", "printed"), COMPLETIONS, ids=[typed for typed, _ in COMPLETIONS])
def test_completion(typed: str, printed: list[str]) -> None:
    done = run_scenario("clean", [Capture(f"complete {typed}")], before=STOP)
    assert done.captured[0].output.splitlines() == printed


def test_before_anything_is_typed_what_fits_is_offered() -> None:
    with GdbSession(elf=firmware.build("default")) as gdb:
        gdb.command(SOURCE)
        offered = {line: gdb.command(f"complete {line} ").splitlines() for line in ("memtrace watch", "memtrace mark")}
        options = gdb.command("complete heap-free ").splitlines()
    assert offered["memtrace watch"] == ["memtrace watch last-damage", "memtrace watch off"]
    assert offered["memtrace mark"] == []
    assert "heap-free --heap" in options and all(line.startswith("heap-free --") for line in options)


def test_a_file_to_save_is_completed(tmp_path: Path) -> None:
    for name in ("seed-1.core", "seed-2.core", "other"):
        (tmp_path / name).touch()
    done = run_gdb([SOURCE, Capture(f"complete memtrace save {tmp_path}/seed-")])
    assert done.captured[0].output.splitlines() == [f"memtrace save {tmp_path}/seed-{n}.core" for n in (1, 2)]


BLOCK = 0x80101BF8
EXPRESSIONS = [
    ("last-malloc (void *) 0x80101bf8", BLOCK),
    ("last-malloc --limit 1 (char *) 0x80101bf8 + 4", BLOCK + 4),
    ("last-malloc 0x80101bf8 - 4 --limit 1", BLOCK - 4),
    ("last-malloc --limit=1 0x80101bf8 -4", BLOCK - 4),
    ('last-malloc "0x80101bf8 + 4"', BLOCK + 4),
    ("last-malloc 'malloc_test.c'::test_used_after_free", None),
    ("last-malloc -5", 0xFFFFFFFB),
    ("last-malloc 0xffffffff", 0xFFFFFFFF),
    ("heap-refs (char *) 0x80101bf8 + 4 --limit 1", BLOCK + 4),
    ("heap-refs --limit 1 *(char **) &memtrace_ring", 0x80200000),
]


def test_an_address_is_an_expression_as_gdb_takes_it() -> None:
    typed = [Capture(f"{line} --json") for line, _ in EXPRESSIONS]
    done = run_scenario("seed", [*typed, Capture("info address test_used_after_free")])
    known = int(re.findall(r"0x[0-9a-f]+", done.captured[-1].output)[0], 16)
    asked = {line: done.json(position)["address"] for position, (line, _) in enumerate(EXPRESSIONS)}
    assert asked == {line: known if address is None else address for line, address in EXPRESSIONS}


def test_a_watch_takes_an_expression_too() -> None:
    typed = "memtrace watch (char *) 0x80102400 + 4 --json"
    done = run_scenario("clean", [Capture(typed)], before=STOP)
    assert (done.json()["state"], done.json()["address"]) == ("watching", 0x80102404)


WIDE = "is wider than an address, which has 32 bits here"
REFUSED = [
    ("last-malloc $nope", "$nope has no value: GDB knows no such variable or register here"),
    ("last-malloc 0x1ffffffff", f"0x1ffffffff {WIDE}"),
    ("last-malloc 0x1ffffffffffffffff", f"0x1ffffffffffffffff {WIDE}"),
    ("last-malloc 1LL << 32", f"1LL << 32 {WIDE}"),
    ("last-malloc -0x80000001LL", f"-0x80000001LL {WIDE}"),
    ("heap-check --ring 0x100000000", f"0x100000000 {WIDE}"),
    ("heap-check --heap multi_heap@0x100000000", f"0x100000000 {WIDE}"),
    ("heap-blocks --address :0x100000000", f"0x100000000 {WIDE}"),
    ("memtrace watch 0x1ffffffff", f"0x1ffffffff {WIDE}"),
]


def test_what_is_no_address_is_refused_in_one_line() -> None:
    done = run_scenario("clean", [Capture(typed) for typed, _ in REFUSED], before=STOP)
    said = [(captured.command, captured.error) for captured in done.captured]
    assert said == [(typed, f"memtrace: {line}") for typed, line in REFUSED]


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
