# SPDX-License-Identifier: Apache-2.0
"""The checkpoints of alloc_hook, held against what the programs' own books say, and others of its formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace, shell
from tests.support.alloc_hook import Block, Frame, dump
from tests.support.paths import SHARED

LOGS = SHARED / "fixtures" / "logs"
CASES = {
    case["id"]: case
    for case in json.loads((LOGS / "manifest.json").read_text(encoding="utf-8"))["cases"]
    if case["format"] == "alloc_hook"
}
CHECKPOINTS = [(case, point) for case in CASES.values() for point in case["truth"].get("checkpoints", ())]
DIFFS = [(case, number) for case in CASES.values() for number in range(len(case["truth"].get("diff", ())))]
SITE = ("function", "file", "line", "live_blocks", "live_bytes")
UNTOLD = (
    "allocations",
    "frees",
    "bytes_allocated",
    "peak_bytes",
    "peak_blocks",
    "temporary",
    "invalid_frees",
    "failed",
)
MAIN = Frame(0x1200, "/opt/app/cam era", "main+329")


def id_of(value: Any) -> str:
    return (
        value["id"]
        if isinstance(value, dict) and "id" in value
        else str(value.get("name") or "")
        if isinstance(value, dict)
        else str(value)
    )


@pytest.mark.parametrize(("case", "point"), CHECKPOINTS, ids=id_of)
def test_a_checkpoint(case: dict[str, Any], point: dict[str, Any]) -> None:
    found = shell("report", LOGS / point["log"], "--elf", LOGS / case["elf"])
    assert found["source"]["format"] == "alloc_hook" and found["source"]["complete"] and not found["source"]["unread"]
    assert {name: found["totals"][name] for name in UNTOLD} == dict.fromkeys(UNTOLD)
    assert (found["totals"]["live_blocks"], found["totals"]["live_bytes"]) == (
        point["live_blocks"],
        point["live_bytes"],
    )
    sites = {tuple(site[name] for name in SITE) for site in found["sites"]}
    assert sites == {tuple(site[name] for name in SITE) for site in point["sites"]}
    kinds = {one["name"]: (one["live_blocks"], one["live_bytes"]) for one in found["heaps"]}
    truth = point.get("kinds", {"host": point})
    assert kinds == {name: (one["live_blocks"], one["live_bytes"]) for name, one in truth.items()}


@pytest.mark.parametrize(("case", "number"), DIFFS, ids=id_of)
def test_what_has_changed_between_checkpoints(case: dict[str, Any], number: int) -> None:
    older, newer = (LOGS / case["log"][at] for at in (number, number + 1))
    found = shell("diff", older, newer, "--elf", LOGS / case["elf"])
    changed: dict[tuple[str, str, int], list[int]] = {}
    for site in (*found["sites"], *found["vanished"]):
        sums = changed.setdefault((site["function"], site["file"], site["line"]), [0, 0])
        sums[0], sums[1] = sums[0] + site["blocks_change"], sums[1] + site["bytes_change"]
    truth = {
        (site["function"], site["file"], site["line"]): [site["delta_blocks"], site["delta_bytes"]]
        for site in case["truth"]["diff"][number]["sites"]
    }
    assert {place: sums for place, sums in changed.items() if any(sums)} == truth
    assert found["from"]["peak_bytes"] is None and found["to"]["live_blocks"] is not None


def test_a_torn_dump_is_said_to_be_torn() -> None:
    case = CASES["ah-torn"]
    found = shell("report", LOGS / case["log"], "--elf", LOGS / case["elf"])
    truth, totals = case["truth"], found["totals"]
    assert (totals["live_blocks"], totals["live_bytes"]) == (truth["live_blocks"], truth["live_bytes"])
    assert found["source"]["unread"] == truth["unread_lines"] and not found["source"]["complete"]
    why = [item["why"] for item in found["skipped"]]
    assert any(f"{case['header_total_bytes']:,} bytes" in one and "9,076" in one for one in why)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "dump.txt"
    path.write_text(text)
    return path


def test_blocks_that_a_line_counts_together(tmp_path: Path) -> None:
    """Sizes are exact, down to a byte, and a block of a GB beside it."""
    blocks = [Block(1, "host", [MAIN], 3), Block((1 << 30) + 7, "mmap", [MAIN]), Block(1023, "dma", [MAIN])]
    totals = shell("report", written(tmp_path, dump(blocks)))["totals"]
    assert (totals["live_blocks"], totals["live_bytes"]) == (5, 3 + (1 << 30) + 7 + 1023)


def test_names_of_the_log_without_a_program(tmp_path: Path) -> None:
    frames = [
        Frame(0x10, "/system/lib64/libcam era.so", "Camera::open(int, (anonymous namespace)::Mode)+12"),
        Frame(0xFFFF, "<anonymous:7f0012345000>"),
        Frame(0x20, "<unknown>"),
        MAIN,
    ]
    found = shell("report", written(tmp_path, dump([Block(8, "host", frames)])))
    assert found["source"]["unread"] == 0
    (site,) = found["sites"]
    assert site["function"] == "Camera::open(int, (anonymous namespace)::Mode)"
    assert site["library"] == "libcam era.so" and site["stacks"][0]["frames"][-1]["function"] == "main"


def test_a_dump_of_the_peak_says_so(tmp_path: Path) -> None:
    found = shell("report", written(tmp_path, dump([Block(8, "host", [MAIN])], "peak")))
    assert any("taken at the peak" in item["why"] for item in found["skipped"])


def test_older_and_newer_revisions(tmp_path: Path) -> None:
    """Sizes in whole KB; a hash beside the number; stacks that are not there; a line of the unwinder's own."""
    text = (
        "current host used: 0MB, current dma used: 0MB, current total peak used: 0MB\n"
        "async_stack_stats: queued=1 done=1\n+++++\n\n"
        "alloc_size:2KB \t alloc_type:host \t alloc_num:1 \t hash_index:5 \t alloc_time:2026-11-21 02:49:22.927\n"
        "#00 <backtrace unavailable>\n\n"
        "alloc_size:1KB \t alloc_type:host \t alloc_num:1 \t alloc_time:2026-11-21 02:49:22.927\n"
        "<no stack: capture_state=1 capture_error=2 resolution_state=3>\n\n"
    )
    found = shell("report", written(tmp_path, text))
    assert (found["totals"]["live_bytes"], found["source"]["unread"]) == (3072, 0)
    assert any("whole KB" in item["why"] for item in found["skipped"])


def test_a_count_beyond_reason_is_one_block(tmp_path: Path) -> None:
    found = shell("report", written(tmp_path, dump([Block(8, "host", [MAIN], 10**6), Block(8, "host", [MAIN])])))
    assert (found["totals"]["live_blocks"], found["totals"]["live_bytes"]) == (2, 8 * 10**6 + 8)
    assert found["source"]["unread"] == 1 and any("count as one" in item["why"] for item in found["skipped"])


def test_two_dumps_in_one_file(tmp_path: Path) -> None:
    text = dump([Block(8, "host", [MAIN])]) * 2
    found = shell("report", written(tmp_path, text))
    assert any("each as a file of its own" in item["why"] for item in found["skipped"])


def test_who_has_an_address_is_not_in_it() -> None:
    said = memtrace("last", "0x1000", LOGS / CASES["ah-torn"]["log"])
    assert "no addresses" in said.out
