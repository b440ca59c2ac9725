# SPDX-License-Identifier: Apache-2.0
"""The logs of py_malloc_trace, held against what the program's own books say; no memory stands beside them."""

from __future__ import annotations

import json
import re
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


def test_without_maps_they_are_asked_for_even_with_the_right_program() -> None:
    case = CASES[0]
    program = ("--elf", LOGS / case["elf"])
    for more, is_asked in (((), True), (("--maps", LOGS / case["maps"]), False)):
        why = [one["why"] for one in shell("report", log_of(case), *program, *more)["skipped"]]
        assert any("give --maps FILE" in one for one in why) == is_asked


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


SITE = ("function", "file", "line", "allocations", "bytes", "live_blocks", "live_bytes")


def mapped(case: dict[str, Any], *words: object) -> Any:
    """A report with the maps of the process."""
    return shell("report", log_of(case), "--maps", LOGS / case["maps"], *words)


@pytest.mark.parametrize("given", ["folder", "program"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_with_the_maps_every_site_has_its_place(case: dict[str, Any], given: str) -> None:
    """Offsets are not 0 in these maps, and a file has several mappings."""
    words = ("--symbols", LOGS / case["symbols"]) if given == "folder" else ("--elf", LOGS / case["elf"])
    found = {tuple(site[name] for name in SITE) for site in mapped(case, *words)["sites"]}
    assert found == {tuple(site[name] for name in SITE) for site in case["truth"]["sites"]}


def test_blocks_by_library_and_symbol() -> None:
    case = CASES[0]
    wanted: dict[str, list[int]] = {}
    for site in case["truth"]["sites"]:
        kept = wanted.setdefault("catalog_add" if site["function"] == "name_copy" else site["function"], [0, 0])
        kept[:] = kept[0] + site["live_blocks"], kept[1] + site["live_bytes"]
    report = mapped(case, "--symbols", LOGS / case["symbols"], "--by", "library-symbol")
    rows = {one["symbol"]: one for one in report["library_symbols"]}
    assert {one["library"] for one in rows.values()} == {"libshop.so"}
    assert {name: [row["live_blocks"], row["live_bytes"]] for name, row in rows.items() if row["live_bytes"]} == {
        name: sums for name, sums in wanted.items() if sums[1]
    }
    said = memtrace("report", log_of(case), "--maps", LOGS / case["maps"], "--by", "library-symbol").out
    assert re.search(r"^  libshop\.so::0x[0-9a-f]+ : 16 : 15,648$", said, re.MULTILINE)


def test_who_allocated_an_address_by_the_maps() -> None:
    case = CASES[0]
    for asked in case["truth"]["last"]:
        found = shell(
            "last", asked["address"], log_of(case), "--maps", LOGS / case["maps"], "--symbols", LOGS / case["symbols"]
        )
        if asked["block"] is not None:
            frame = found["generations"][0]["allocated"][0]
            assert f"{frame['function']} {frame['file']}:{frame['line']}" == asked["alloc"]


def test_lines_that_make_no_sense_are_named() -> None:
    torn = next(case for case in CASES if case["truth"]["unread_lines"])
    lines = log_of(torn).read_text(encoding="utf-8").splitlines()
    bad = [number for number, line in enumerate(lines, 1) if not line.endswith("]}") or line.count("{") > 1]
    assert len(bad) == torn["truth"]["unread_lines"]
    why = [item["why"] for item in shell("report", log_of(torn))["skipped"]]
    assert f"these lines make no sense: {', '.join(map(str, bad))}" in why


@pytest.mark.parametrize("text", ["", "no maps\n", "1000-2000 rw-p 00000000 00:00 0 [heap]\n"])
def test_what_are_no_maps_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "maps").write_text(text, encoding="utf-8")
    said = memtrace("report", log_of(CASES[0]), "--maps", tmp_path / "maps")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert "--maps" in said.err


def test_another_build_of_a_library_names_nothing(tmp_path: Path) -> None:
    """It is at the path that the maps tell, and its code is larger."""
    case = CASES[0]
    (tmp_path / "libshop.so").write_bytes((LOGS / "elf" / "player.rv.elf").read_bytes())
    report = mapped(case, "--symbols", tmp_path)
    assert {site["function"].partition("+")[0] for site in report["sites"]} == {"libshop.so"}
