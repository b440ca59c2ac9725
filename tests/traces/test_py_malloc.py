# SPDX-License-Identifier: Apache-2.0
"""The logs of py_malloc_trace, held against what the program's own books say; no memory stands beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace, shell
from tests.support.paths import SHARED

LOGS = SHARED / "fixtures" / "logs"
CASES = [
    case
    for case in json.loads((LOGS / "manifest.json").read_text(encoding="utf-8"))["cases"]
    if case["format"] == "py_malloc_trace"
]


def log_of(case: dict[str, Any]) -> Path:
    return LOGS / case["log"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_what_was_allocated_freed_and_kept(case: dict[str, Any]) -> None:
    truth, log = case["truth"], log_of(case)
    events = shell("log", log, "--all")["events"]
    allocated = [event for event in events if event["kind"] == "alloc"]
    freed = [event for event in events if event["kind"] == "free"]
    assert (len(allocated), sum(event["size"] for event in allocated)) == (
        truth["allocations"],
        truth["bytes_allocated"],
    )
    assert len(freed) == truth["frees"] or truth["unread_lines"]
    leaks = shell("leaks", log, "--all")
    assert (leaks["total"], leaks["bytes"]) == (truth["live_blocks"], truth["live_bytes"])


@pytest.mark.parametrize("case", [case for case in CASES if case["truth"]["last"]], ids=lambda case: case["id"])
def test_who_has_an_address(case: dict[str, Any]) -> None:
    for asked in case["truth"]["last"]:
        report = shell("last", asked["address"], log_of(case), "--all")
        assert "no memory" in " ".join(item["why"] for item in report["skipped"])
        lives = report["generations"]
        assert len(lives) == asked["generations"]
        if asked["block"] is not None:
            assert (lives[0]["payload"], lives[0]["size"]) == (asked["block"], asked["size"])
            assert (lives[0]["freed"] is None) == (asked["state"] == "live")
            assert (report["block"]["payload"], report["block"]["offset"]) == (asked["block"], asked["offset"])
            assert report["block"]["state"] == ("used" if asked["state"] == "live" else "free")
        else:
            assert report["block"] is None


def test_lines_that_make_no_sense_are_counted() -> None:
    torn = next(case for case in CASES if case["truth"]["unread_lines"])
    why = [item["why"] for item in shell("log", log_of(torn))["skipped"]]
    assert f"the log has {torn['truth']['unread_lines']} records that memtrace cannot read" in why


@pytest.mark.parametrize("words", [["check"], ["free"], ["status"], ["refs", "0x1000"], ["log"]])
def test_what_needs_memory_says_so_and_does_not_fail(words: list[str]) -> None:
    said = memtrace(words[0], *words[1:], log_of(CASES[0]))
    assert "a trace alone has no memory" in said.out or words == ["log"]
    assert said.status == (2 if words[0] in ("check", "free") else 0)
    assert said.err.count("\n") == (1 if words[0] == "free" else 0)


@pytest.mark.parametrize("more", [["--image", f"0x1000={__file__}"], ["--heap", "tlsf@0x1000"]], ids=["image", "heap"])
def test_memory_beside_a_log_is_refused(more: list[str]) -> None:
    log = log_of(CASES[0])
    refused = memtrace("check", log, *more)
    assert (refused.status, refused.out) == (2, "")
    assert refused.err == f"memtrace: {log} is a log, which has no memory: leave --image and --heap out, or the log\n"


def test_with_the_program_callers_have_names() -> None:
    """The program was loaded elsewhere than it was linked: what is not in it stays an address."""
    report = shell("log", log_of(CASES[0]), "--elf", LOGS / CASES[0]["elf"], "--limit", 1)
    assert [frame["pc"] for frame in report["events"][0]["stack"]]
