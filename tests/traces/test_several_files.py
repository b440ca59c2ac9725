# SPDX-License-Identifier: Apache-2.0
"""Several files of one process in order: events go on in the next one, listings become the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace, shell
from tests.support.alloc_hook import Block, Frame, dump
from tests.support.paths import SHARED

LOGS = SHARED / "fixtures" / "logs"
CASES = {case["id"]: case for case in json.loads((LOGS / "manifest.json").read_text(encoding="utf-8"))["cases"]}
CHECKPOINTS = [CASES["ah-shop"], CASES["ah-camera"]]
EVENTS = [CASES["py-leaky"], CASES["ml-leaky-rv"]]
SITE = ("function", "file", "line", "live_blocks", "live_bytes")
ONE, TWO = (Frame(0x1200 + at, "/opt/app/a", f"f{at}+3") for at in (0, 16))


def files(case: dict[str, Any]) -> list[Path]:
    return [LOGS / name for name in case["log"]]


def sites(report: Any) -> set[tuple[Any, ...]]:
    return {tuple(site[name] for name in SITE) for site in report["sites"] if site["live_blocks"]}


@pytest.mark.parametrize("case", CHECKPOINTS, ids=lambda case: case["id"])
def test_checkpoints_end_as_the_last_one(case: dict[str, Any]) -> None:
    found = shell("report", *files(case), "--elf", LOGS / case["elf"])
    truth = case["truth"]
    assert (found["totals"]["live_blocks"], found["totals"]["live_bytes"]) == (
        truth["live_blocks"],
        truth["live_bytes"],
    )
    assert sites(found) == {tuple(site[name] for name in SITE) for site in truth["sites"]}
    assert [mark["name"] for mark in found["marks"]] == [path.name for path in files(case)]
    assert found["totals"]["allocations"] is None and found["totals"]["peak_bytes"] is None
    assert found["windows"]["kind"] == "marks" and len(found["windows"]["ends"]) == 3


@pytest.mark.parametrize("case", CHECKPOINTS, ids=lambda case: case["id"])
def test_what_was_live_at_each_checkpoint(case: dict[str, Any]) -> None:
    for path, point in zip(files(case), case["truth"]["checkpoints"], strict=True):
        found = shell("report", *files(case), "--elf", LOGS / case["elf"], "--at", path.name)
        assert found["totals"]["live_bytes"] == point["live_bytes"]
        assert sites(found) == {tuple(site[name] for name in SITE) for site in point["sites"]}


def test_what_grows_from_checkpoint_to_checkpoint() -> None:
    case = CASES["ah-camera"]
    found = shell("report", *files(case), "--elf", LOGS / case["elf"])
    classes = {site["function"]: site["class"] for site in found["sites"]}
    assert classes["gpu_buffer"] == classes["exif"] == "grows" and classes["map_frame"] != "grows"


def written(tmp_path: Path, *dumps: list[Block]) -> list[Path]:
    paths = [tmp_path / f"{number}.txt" for number in range(len(dumps))]
    for path, blocks in zip(paths, dumps, strict=True):
        path.write_text(dump(blocks))
    return paths


def test_the_difference_of_two_newest_first(tmp_path: Path) -> None:
    """A block that was freed and one like it that came are two; what is in both is none."""
    old, kept = Block(64, "host", [ONE], time="2026-11-21 02:49:22.5"), Block(8, "host", [ONE], 3)
    early, late = (
        Block(64, "host", [frame], time=f"2026-11-21 02:49:2{second}.5") for frame, second in ((ONE, 3), (TWO, 9))
    )
    paths = written(tmp_path, [old, kept], [kept, late, early])
    found = shell("leaks", *paths, "--since", paths[0].name, "--newest")
    assert (found["total"], found["bytes"]) == (2, 128)
    assert [leak["owner"]["allocated"][0]["function"] for leak in found["blocks"]] == ["f16", "f0"]
    kinds = [event["kind"] for event in shell("log", *paths, "--all")["events"]]
    assert kinds.count("free") == 1 and kinds.count("alloc") == 2 and kinds.count("mark") == 2


@pytest.mark.parametrize("case", EVENTS, ids=lambda case: case["id"])
def test_events_go_on_in_the_next_file(case: dict[str, Any], tmp_path: Path) -> None:
    """A log that is cut into three where a record ends has the totals of the whole."""
    data = (LOGS / case["log"]).read_bytes()
    ends = [0, *cuts(data), len(data)]
    paths = [tmp_path / f"part{number}" for number in range(3)]
    for path, start, end in zip(paths, ends, ends[1:], strict=False):
        path.write_bytes(data[start:end])
    whole, parts = shell("report", LOGS / case["log"]), shell("report", *paths)
    names = whole["totals"].keys() - {"events", "peak_seq"}  # marks have numbers, too
    assert {name: parts["totals"][name] for name in names} == {name: whole["totals"][name] for name in names}
    assert [mark["name"] for mark in parts["marks"]] == ["part0", "part1", "part2"]
    asked = next(one for one in case["truth"]["last"] if one["block"] is not None)["address"]
    lives = [
        [(life["payload"], life["allocated"]) for life in shell("last", asked, *files)["generations"]]
        for files in (paths, [LOGS / case["log"]])
    ]
    assert lives[0] == lives[1]


def cuts(data: bytes) -> list[int]:
    """Two places of a log at which a record begins."""
    if data[:1] == b"{":
        return [data.index(b"\n", len(data) * part // 3) + 1 for part in (1, 2)]
    places, at = [0], 0
    while at < len(data):
        at += 6 if data[at] == ord("-") else 12 + 4 * data[at + 1]
        places.append(at)
    return [max(place for place in places if place <= len(data) * part // 3) for part in (1, 2)]


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("alloc_hook/ah-torn.txt", "py_malloc/py-leaky.log"), "files that follow each other are of one kind"),
        (("valgrind/dhat-shop.json", "valgrind/dhat-shop.json"), "sums of a whole run"),
        (("alloc_hook/ah-torn.txt", "src/desk/app/desk/desk.cpp"), "no log that memtrace knows"),
        (("src/desk/app/desk/desk.cpp", "alloc_hook/ah-torn.txt"), "no log that memtrace knows"),
    ],
)
def test_what_does_not_go_together_is_one_clear_line(names: tuple[str, ...], why: str) -> None:
    said = memtrace("report", *(LOGS / name for name in names))
    assert said.status == 2 and why in said.err and len(said.err.splitlines()) == 1 and not said.out


def test_a_remark_says_of_which_file_it_is() -> None:
    found = shell("report", *files(CASES["ah-shop"]), LOGS / CASES["ah-torn"]["log"])
    assert any(item["why"].startswith("ah-torn.txt: ") and "cut off" in item["why"] for item in found["skipped"])


def test_diff_takes_two() -> None:
    said = memtrace("diff", *files(CASES["ah-shop"]))
    assert said.status == 2 and "two" in said.err and len(said.err.splitlines()) == 1
