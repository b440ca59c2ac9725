# SPDX-License-Identifier: Apache-2.0
"""Listings of blocks amid console text: those of the fixtures, and all forms of all releases as their sources print."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gdbext.trace.importers import Call, Named, Remark, WrongFree, importer_amid, importers
from gdbext.trace.importers.heap_caps_dump import HeapCapsDump
from gdbext.trace.importers.heap_trace_dump import HeapTraceDump
from gdbext.trace.importers.leak_tracker import LeakTracker
from gdbext.trace.importers.listing import items_of
from gdbext.trace.importers.memdump import Memdump
from gdbext.trace.importers.memleak import Memleak
from tests.cli.shell import memtrace, shell
from tests.support import listings
from tests.support.listings import Block, blocks, dressed, strewn
from tests.support.paths import SHARED

LOGS = SHARED / "fixtures" / "logs"
FORMATS = ("esp_idf_heap_trace", "r128_memleak", "esp32_leak_tracker")
MANIFEST = json.loads((LOGS / "manifest.json").read_text(encoding="utf-8"))["cases"]
CASES = [case for case in MANIFEST if case["format"] in FORMATS]
SITE = ("function", "file", "line", "live_blocks", "live_bytes")
# Of 2 frames both may be a wrapper's: who called it is in no log.
SHALLOW = {"idf-55-xt"}
by_id = pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
Key = tuple[int, int, tuple[int, ...]]


def skip(case: dict[str, Any]) -> list[str]:
    return [word for name in case["wrappers"] for word in ("--skip", name)]


@by_id
def test_a_listing_of_live_blocks_has_no_events(case: dict[str, Any]) -> None:
    found = shell("log", LOGS / case["log"])
    if case["id"] == "idf-44-all":
        assert (len(found["events"]), found["empty"]) == (20, [])
        return
    blocks = case["truth"]["live_blocks"]
    assert found["empty_facts"] == [{"sentence": "listing-has-no-events", "blocks": blocks}]
    assert shell("log", LOGS / case["log"], "--kind", "free")["empty_facts"] == found["empty_facts"]


@by_id
def test_totals_sites_and_tasks_of_the_fixtures(case: dict[str, Any]) -> None:
    truth = case["truth"]
    found = shell("report", LOGS / case["log"], "--elf", LOGS / case["elf"], *skip(case))
    totals = found["totals"]
    assert found["source"]["format"] == case["format"] and found["source"]["unread"] == truth["unread_lines"]
    assert [totals[name] for name in ("allocations", "frees", "bytes_allocated", "peak_bytes")] == [None] * 4
    assert (totals["live_blocks"], totals["live_bytes"]) == (truth["live_blocks"], truth["live_bytes"])
    torn = case["id"].endswith("-torn")
    assert found["source"]["complete"] == (not torn and not truth.get("overflowed"))
    why = [item["why"] for item in found["skipped"]]
    assert ("the listing ends early: it was cut off there" in why) == torn
    if case["id"] not in SHALLOW:
        sites = {tuple(site[name] for name in SITE) for site in found["sites"] if site["live_blocks"]}
        without = truth.get("without_stack") or {"blocks": 0, "bytes": 0}
        wanted = {tuple(site[name] for name in SITE) for site in truth["sites"] if site["live_blocks"]}
        wanted |= {(None, None, None, without["blocks"], without["bytes"])} if without["blocks"] else set()
        assert sites == wanted
    untold = ("allocations", "bytes", "peak_bytes", "at_peak_bytes", "temporary")
    parts = [*found["sites"], *found["tasks"], *found["heaps"]]
    assert {part[name] for part in parts for name in untold} == {None}
    assert found["tree"]["max_use"] is None and found["tree"]["leak"] == truth["live_bytes"]
    if "by_task" in truth:
        assert {task["name"]: task["live_blocks"] for task in found["tasks"]} == {
            name: task["live_blocks"] for name, task in truth["by_task"].items()
        }
        kinds = [free["kind"] for free in found["odd_frees"]]
        reports = truth["double_free_reports"], truth["null_free_reports"]
        assert (kinds.count("double"), kinds.count("null")) == reports
        assert all(free["frames"] for free in found["odd_frees"])
        assert totals["invalid_frees"] == (truth["double_free_reports"] or None)
    if "internal_blocks" in truth:
        assert {heap["name"]: heap["live_blocks"] for heap in found["heaps"]} == {"Internal": truth["internal_blocks"]}


def test_a_report_in_words_says_what_a_listing_does_not() -> None:
    log = LOGS / "r128" / "r128-memleak0.txt"
    said = memtrace("report", log, "--elf", LOGS / "elf/player.rv.elf", "--top", "--peak", "--tasks").out
    assert "most bytes allocated: the log does not tell" in said and "held at the peak: the log does not tell" in said
    assert re.search(r"^ +- +7,818 +- +-  main$", said, re.MULTILINE)


@by_id
def test_who_has_an_address(case: dict[str, Any]) -> None:
    for asked in case["truth"]["last"][:4]:
        report = shell("last", asked["address"], LOGS / case["log"], "--elf", LOGS / case["elf"])
        if asked["block"] is None:
            assert report["block"] is None
            continue
        block = report["block"]
        assert (block["payload"], block["size"], block["offset"]) == (asked["block"], asked["size"], asked["offset"])
        assert block["state"] == ("used" if asked["state"] == "live" else "free")
        frames = [
            frame
            for frame in report["generations"][0]["allocated"]
            if Path(frame["file"] or "").name not in case["wrappers"]
        ]
        if case["id"] not in SHALLOW:
            assert f"{frames[0]['function']} {frames[0]['file']}:{frames[0]['line']}" == asked["alloc"]


def told(parser: Any, data: bytes) -> tuple[dict[int, Key], list[Any]]:
    """What is live at the end of a text, by address, and what else is told."""
    live: dict[int, Key] = {}
    other = []
    for item in items_of(parser, [data[at : at + 999] for at in range(0, len(data), 999)]):
        if not isinstance(item, Call):
            other.append(item)
        elif item.freed:
            del live[item.address]
        else:
            assert item.address not in live
            live[item.address] = item.address, item.size, item.stack
    return live, other


def keys(found: Sequence[Block], depth: int = 99) -> dict[int, Key]:
    return {one.address: (one.address, one.size, one.stack[:depth]) for one in found if one.freed is None}


def losses(other: Sequence[Any]) -> list[str]:
    return [item.text.key for item in other if isinstance(item, Remark) and item.is_loss]


@pytest.mark.parametrize("dress", listings.DRESSES)
@pytest.mark.parametrize("release", ["4.4", "5.1", "5.5"])
@pytest.mark.parametrize("all_mode", [False, True], ids=["leaks", "all"])
def test_heap_trace_dump_of_every_release(release: str, all_mode: bool, dress: str) -> None:
    random = Random(f"{release} {all_mode} {dress}")
    for depth in (0, 1, 4, 8):
        found = blocks(random, 40, depth or 1, 0.5 if all_mode else 0.0)
        if not depth and release != "5.5":  # such a dump does not tell what was freed
            found = [one for one in found if one.freed is None]
        lines = listings.heap_trace(found, release, depth, all_mode, overflowed=depth == 4)
        live, other = told(HeapTraceDump(), dressed(strewn(random, lines), dress))
        assert live == keys(found, depth)
        assert losses(other) == (["heap-trace-overflowed"] if depth == 4 else []) and None not in other


def test_heap_trace_dump_tells_who_freed() -> None:
    found = blocks(Random(3), 30, 4, 0.5)
    data = dressed(listings.heap_trace(found, "5.1", 4, all_mode=True), "crlf")
    calls = [item for item in items_of(HeapTraceDump(), [data]) if isinstance(item, Call)]
    freed = {call.address: call.stack for call in calls if call.freed}
    assert freed == {one.address: one.freed for one in found if one.freed is not None}
    assert not any(call.listed for call in calls)


@pytest.mark.parametrize("dress", listings.DRESSES)
@pytest.mark.parametrize("form", ["0", "show", "documented", "allocate"])
def test_memleak_in_every_form(form: str, dress: str) -> None:
    random = Random(f"{form} {dress}")
    for pointer, pc in (("0x{:x}", "0x{:X}"), ("0x{:08x}", "0x0x{:x}"), ("{:x}", "0X{:08X}")):
        found = blocks(random, 30)
        lines = listings.memleak(found, form, pointer, pc)
        reports = [*listings.wrong_free("double", PCS[:3], 3), *listings.wrong_free("null", PCS[2:5])]
        text = [*strewn(random, reports, 0), *strewn(random, lines), "c906>", *strewn(random, ["backtrace : 0x4"])]
        live, other = told(Memleak(), dressed(text, dress))
        assert live == keys(found)
        wrong = [item for item in other if isinstance(item, WrongFree)]
        assert wrong == [WrongFree("double", PCS[:3]), WrongFree("null", PCS[2:5])]
        assert losses(other) == [] and None not in other


PCS = listings.PCS


@pytest.mark.parametrize("dress", listings.DRESSES)
@pytest.mark.parametrize("form", ["plain", "decoded", "logged"])
def test_leak_tracker_in_every_form(form: str, dress: str) -> None:
    random = Random(f"{form} {dress}")
    found = blocks(random, 30, 12)
    lines = listings.tracker(found, decoded=form == "decoded", logged=form == "logged", without=5)
    live, other = told(LeakTracker(), dressed(strewn(random, lines), dress))
    wanted = keys(found)
    assert live == {**wanted, **{one.address: (one.address, one.size, ()) for one in found[-5:]}}
    assert losses(other) == [] and None not in other
    named = {item.pc: item.frames for item in other if isinstance(item, Named)}
    pcs = {pc for one in found[:-5] for pc in one.stack} if form == "decoded" else set()
    assert named == {pc: ((f"f{pc:x}", f"/opt/build/app/{pc:x}.c", pc & 0xFF),) for pc in pcs}


@pytest.mark.parametrize("dress", listings.DRESSES)
@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_heap_caps_dump_in_both_forms(old: bool, dress: str) -> None:
    random = Random(f"{old} {dress}")
    found = blocks(random, 40, 1, 0.3)
    live, other = told(HeapCapsDump(), dressed(strewn(random, listings.heap_caps(found, old)), dress))
    assert live == {one.address: (one.address, one.size, ()) for one in found if one.freed is None}
    free = [one.size for one in found if one.freed is not None]
    told_free = [dict(item.text.values) for item in other if isinstance(item, Remark)]
    assert told_free == [{"blocks": len(free), "size": sum(free), "largest": max(free)}]
    assert None not in other


@pytest.mark.parametrize("dress", listings.DRESSES)
@pytest.mark.parametrize("release", ["10.3", "12.2", "12.8", "13.0"])
@pytest.mark.parametrize("tlsf", [False, True], ids=["mm", "tlsf"])
def test_memdump_of_every_release(release: str, tlsf: bool, dress: str) -> None:
    random = Random(f"{release} {tlsf} {dress}")
    for what in ("used", "plain", "hpwork"):
        found, free = blocks(random, 30), blocks(random, 5)
        lines = [*listings.memdump(found, release, what, tlsf), *listings.memdump(free, release, "free", tlsf)]
        live, other = told(Memdump(), dressed(strewn(random, lines), dress))
        assert live == (keys(found) if what != "plain" else keys(found, 0))
        assert losses(other) == [] and None not in other
        values = [
            dict(item.text.values) for item in other if isinstance(item, Remark) and item.text.key == "memdump-free"
        ]
        assert [(one["blocks"], one["size"]) for one in values] == [(5, sum(one.size for one in free))]


def test_memdump_names_tasks_as_far_as_it_tells() -> None:
    found = blocks(Random(5), 4)
    for what, task in (("used", "pid 3"), ("hpwork", "hpwork")):
        items = list(items_of(Memdump(), [dressed(listings.memdump(found, "12.8", what), "plain")]))
        assert {item.task for item in items if isinstance(item, Call)} == {task}


PRINTED = {
    HeapTraceDump: lambda found: listings.heap_trace(found),
    Memleak: lambda found: listings.memleak(found),
    LeakTracker: lambda found: listings.tracker(found),
    HeapCapsDump: lambda found: listings.heap_caps(found),
    Memdump: lambda found: listings.memdump(found),
}
by_parser = pytest.mark.parametrize("parser", PRINTED, ids=lambda parser: parser.__name__)


@by_parser
def test_of_several_listings_the_last_one_counts(parser: Any) -> None:
    first, random = blocks(Random(6), 20), Random(7)
    second = [*random.sample(first, 12), *[Block(0x3D00_0000 + 64 * at, 40, PCS[:2]) for at in range(5)]]
    lines = [*PRINTED[parser](first), *PRINTED[parser](second)]
    live, other = told(parser(), dressed(strewn(random, lines), "plain"))
    wanted = keys(second, 0 if parser is HeapCapsDump else 99)
    assert live == wanted
    assert "listing-several" in [item.text.key for item in other if isinstance(item, Remark)]
    assert losses(other) == [] and None not in other


@by_parser
def test_one_that_is_cut_does_not_replace_a_whole_one(parser: Any) -> None:
    if parser is HeapCapsDump:  # of which nobody knows where it ends
        return
    found = blocks(Random(8), 20)
    lines = PRINTED[parser](found)
    cut = dressed([*lines, *lines], "plain")[: len(dressed(lines, "plain")) * 3 // 2]
    live, other = told(parser(), cut)
    assert live == keys(found)
    assert losses(other) == ["listing-left-out"]


@by_parser
def test_wherever_a_text_is_cut_what_came_before_is_read(parser: Any) -> None:
    found = blocks(Random(9), 12)
    lines = PRINTED[parser](found)
    data = dressed(lines, "plain")
    ends = [len(dressed(lines[:number], "plain")) for number in range(len(lines) + 1)]
    for at in range(1, len(data)):
        live, other = told(parser(), data[:at])
        wanted = keys(found, 0 if parser is HeapCapsDump else 99)
        assert all(wanted.get(address, (0, 0))[:2] == key[:2] for address, key in live.items()), at
        whole = told(parser(), data[: max(end for end in ends if end <= at)])[0]
        assert set(whole) <= set(live), at
        assert sum(item is None for item in other) <= 1, at
        assert at in ends or sum(item is None for item in other) or set(live) >= set(whole)


@by_parser
def test_a_listing_is_recognised_wherever_it_stands(parser: Any) -> None:
    (importer,) = [one for one in importers() if type(one.calls) and one.calls.__module__ == parser.__module__]
    for dress in listings.DRESSES:
        lines = [*listings.FOREIGN * 200, *PRINTED[parser](blocks(Random(1), 3))]
        data = dressed(lines, dress)
        chunks = [data[at : at + 777] for at in range(0, len(data), 777)]
        assert importer_amid(data[:4096], chunks) is importer, dress
    assert importer_amid(bytes(4096), [data]) is None


def test_no_listing_is_seen_where_there_is_none() -> None:
    data = dressed([*listings.FOREIGN * 50, "Guru Meditation Error: Core 0 panic'ed", "Backtrace: 0x4:0x5"], "plain")
    assert importer_amid(data[:4096], [data]) is None
