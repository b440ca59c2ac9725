# SPDX-License-Identifier: Apache-2.0
"""The TRACE.LOGs of media_lib_sal, held against what the program's own books say."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from gdbext.model.said import Said, said
from gdbext.trace.importers import Call, importer_of
from gdbext.trace.importers.media_lib import calls_of
from gdbext.trace.log_trace import trace_of
from gdbext.trace.opened import open_trace
from gdbext.trace.wish import Wish
from tests.cli.shell import shell
from tests.support.paths import SHARED

LOGS = SHARED / "fixtures" / "logs"
CASES = [
    case
    for case in json.loads((LOGS / "manifest.json").read_text(encoding="utf-8"))["cases"]
    if case["format"] == "media_lib_mem_trace"
]
SMALL = [case for case in CASES if case["truth"]["records"] < 10_000]
by_id = pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
small_by_id = pytest.mark.parametrize("case", SMALL, ids=lambda case: case["id"])


def log_of(case: dict[str, Any]) -> Path:
    return LOGS / case["log"]


def site_of(stack: list[dict[str, Any]], case: dict[str, Any]) -> str:
    """The innermost frame outside of the case's wrappers, as the manifest writes it."""
    own = [frame for frame in stack if Path(frame["file"] or "").name not in case["wrappers"]]
    return f"{own[0]['function']} {own[0]['file']}:{own[0]['line']}"


@by_id
def test_what_was_allocated_freed_and_kept(case: dict[str, Any]) -> None:
    truth = case["truth"]
    opened = open_trace(str(log_of(case)))
    assert opened is not None and opened.format == case["format"]
    trace = trace_of(opened, Wish())
    assert trace.info is not None and trace.info.log is not None
    nulls = truth["null_frees"]
    assert trace.info.kept == truth["records"] - nulls
    assert trace.info.log.unread == (truth["unread_bytes"] > 0)
    assert (len(trace.lives), sum(life.size or 0 for life in trace.lives)) == (
        truth["live_blocks"],
        truth["live_bytes"],
    )


@small_by_id
def test_every_call_is_an_event(case: dict[str, Any]) -> None:
    truth = case["truth"]
    events = shell("log", log_of(case), "--all")["events"]
    allocated = [event for event in events if event["kind"] == "alloc"]
    freed = [event for event in events if event["kind"] == "free"]
    assert len(freed) == truth["frees"] + truth["invalid_frees"]
    assert (len(allocated), sum(event["size"] for event in allocated)) == (
        truth["allocations"],
        truth["bytes_allocated"],
    )


@by_id
def test_who_has_an_address(case: dict[str, Any]) -> None:
    for asked in case["truth"]["last"] if case in SMALL else case["truth"]["last"][:1]:
        report = shell("last", asked["address"], log_of(case), "--elf", LOGS / case["elf"], "--all")
        lives = [life for life in report["generations"] if life["size"] is not None]  # the rest is freed twice
        assert len(lives) == min(asked["generations"], 1000)
        if asked["block"] is None:
            assert report["block"] is None
            continue
        block = report["block"]
        assert (block["payload"], block["size"], block["offset"]) == (asked["block"], asked["size"], asked["offset"])
        assert block["state"] == ("used" if asked["state"] == "live" else "free")
        assert (lives[0]["freed"] is None) == (asked["state"] == "live")
        assert site_of(lives[0]["allocated"], case) == asked["alloc"]


def test_a_torn_end_is_told_with_its_place() -> None:
    (torn,) = (case for case in CASES if case["truth"]["unread_bytes"])
    why = [item["why"] for item in shell("leaks", log_of(torn))["skipped"]]
    place = torn["torn_at"] - torn["truth"]["unread_bytes"]
    assert f"the log ends inside the record that begins at byte {place:,}: it was cut off there" in why


@pytest.mark.parametrize(("machine", "step"), [(243, 4), (94, 3), (0, 3)], ids=["riscv", "xtensa", "unknown"])
def test_pcs_become_return_addresses(machine: int, step: int) -> None:
    record = b"+\2\0\0" + b"".join(n.to_bytes(4, "little") for n in (0x3FCA_0000, 24, 0x4200_0000, 0x4200_1000))
    assert list(calls_of([record], machine)) == [Call(0x3FCA_0000, 24, (0x4200_0000 + step, 0x4200_1000 + step))]


def test_pieces_may_be_cut_anywhere() -> None:
    data = log_of(CASES[0]).read_bytes()
    whole = list(calls_of([data], 0))
    for step in (1, 7, 300):
        assert list(calls_of((data[at : at + step] for at in range(0, len(data), step)), 0)) == whole


def test_what_is_torn_in_the_middle_loses_no_more() -> None:
    data = log_of(CASES[0]).read_bytes()
    whole = list(calls_of([data], 0))
    chosen = random.Random(4)
    for _ in range(40):
        at, size = chosen.randrange(200, len(data) - 1000), chosen.randrange(1, 200)
        found = list(calls_of([data[:at], data[at + size :]], 0))
        told = [call for call in found if isinstance(call, Call)]
        assert len(set(whole) - set(told)) <= 16
        assert len(set(told) - set(whole)) <= 2
        assert not any(isinstance(call, Said) for call in found)


def test_only_such_logs_are_recognised() -> None:
    for text in (b"", b"+", b"+++ b/file.c\n@@ -1 +1 @@\n", b"- an item\n- another item\n", bytes(4096), b"{}"):
        assert importer_of(text) is None, text
    for case in CASES:
        found = importer_of(log_of(case).read_bytes()[:4096])
        assert found is not None and found.source == case["format"]


def test_a_cut_says_where() -> None:
    record = b"-\0" + (0x3FCA_0000).to_bytes(4, "little")
    assert list(calls_of([record + record[:3]], 0))[1:] == [said("media-lib-torn", place=6)]
