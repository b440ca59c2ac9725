# SPDX-License-Identifier: Apache-2.0
"""Reports on the logs of other tools, held against the programs' own books, and against the tree of mem_trace.pl."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace, shell
from tests.support.paths import SHARED

LOGS = SHARED / "fixtures" / "logs"
MANIFEST = json.loads((LOGS / "manifest.json").read_text(encoding="utf-8"))["cases"]
CASES = [case for case in MANIFEST if case["format"] in ("media_lib_mem_trace", "py_malloc_trace")]
PLAYERS = [case for case in CASES if case["format"] == "media_lib_mem_trace"]
# Of 2 frames both may be a wrapper's: who called it is in no log.
SHALLOW = {"ml-storm-rv"}
TOTALS = ("allocations", "frees", "bytes_allocated", "peak_bytes", "peak_blocks", "live_blocks", "live_bytes")
SITE = ("function", "file", "line", "allocations", "bytes", "live_blocks", "live_bytes", "peak_bytes")
Nodes = dict[str, tuple[int, int]]


def report(case: dict[str, Any], *words: str) -> Any:
    return reported(case["log"], case["elf"], *words)


@cache
def reported(log: str, elf: str, *words: str) -> Any:
    return shell("report", LOGS / log, "--elf", LOGS / elf, *words)


def nodes(node: Any, above: str = "") -> Iterator[tuple[str, tuple[int, int]]]:
    """The nodes below a node, by their paths: what each has used at most, and holds."""
    for child in node["children"]:
        yield above + child["name"], (child["max_use"], child["leak"])
        yield from nodes(child, f"{above}{child['name']}/")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_totals(case: dict[str, Any]) -> None:
    found, truth = report(case), case["truth"]
    known = {name: truth[name] for name in TOTALS if name in truth}
    assert {name: found["totals"][name] for name in known} == known and len(known) >= 6
    assert found["source"]["format"] == case["format"]
    if truth.get("invalid_frees") is not None:
        assert found["totals"]["invalid_frees"] == truth["invalid_frees"]
    whole = not truth.get("unread_bytes") and not truth["unread_lines"]
    assert found["source"]["complete"] == whole


@pytest.mark.parametrize("case", PLAYERS, ids=lambda case: case["id"])
def test_every_site_and_every_node_of_the_tree(case: dict[str, Any]) -> None:
    found, truth = report(case), case["truth"]
    sites = {tuple(site[name] for name in SITE) for site in found["sites"]}
    wanted = {tuple(site[name] for name in SITE) for site in truth["sites"]}
    tree: Nodes = dict(nodes(found["tree"]))
    books: Nodes = {node["path"]: (node["peak_bytes"], node["live_bytes"]) for node in truth["tree"]}
    if case["id"] not in SHALLOW:
        assert (sites, tree) == (wanted, books)
        return
    wrapped = [site for site in sites if str(site[1]).endswith("audio_mem.c")]
    callers = {site for site in wanted if str(site[1]).startswith("app/components/audio/")} - sites
    assert {site[0] for site in wrapped} == {"audio_malloc", "audio_calloc"}
    assert sites - {*wrapped} == wanted - callers
    assert sum(int(site[3]) for site in wrapped) == sum(int(site[3]) for site in callers)
    assert {path: tree[path] for path in ("app", "app/components", "app/components/audio")} == {
        path: books[path] for path in ("app", "app/components", "app/components/audio")
    }


def test_the_tree_differs_from_that_of_mem_trace_pl_in_one_line() -> None:
    """docs/how-to/coming-from-mem-trace.md says why."""
    (case,) = [case for case in PLAYERS if case["id"] == "ml-leaky-rv"]
    theirs: Nodes = {}
    above: list[str] = []
    for line in (LOGS / case["peer"][0]).read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"((?:│   )*)├── (.*):\tmax-use:(\d+)(?:  Leak: (\d+))?", line)
        if found:
            above[len(found[1]) // 4 :] = [found[2]]
            theirs["/".join(above[1:])] = int(found[3]), int(found[4] or 0)
    ours: Nodes = {
        "": (report(case)["tree"]["max_use"], report(case)["tree"]["leak"]),
        **dict(nodes(report(case)["tree"])),
    }
    line = "app/components/audio/audio_element.c/{}"
    assert len(theirs) == 35
    assert theirs.pop(line.format(14)) == ours.pop(line.format(15))
    assert theirs == ours


def test_a_wrapper_of_the_users_own_is_skipped() -> None:
    (case,) = [case for case in PLAYERS if case["id"] == "ml-leaky-rv"]
    functions = {site["function"] for site in report(case, "--skip", "lru_cache.c:19", "--skip", "title_dup")["sites"]}
    assert {"app_run", "playlist_next"} <= functions
    assert functions.isdisjoint({"cache_put", "title_dup"})


def test_a_log_that_is_cut_off_says_where() -> None:
    (case,) = [case for case in PLAYERS if case["id"] == "ml-torn-rv"]
    assert any("cut off" in item["why"] for item in report(case)["skipped"])


def test_wrong_frees_are_told() -> None:
    (case,) = [case for case in PLAYERS if case["id"] == "ml-double-free-rv"]
    double, other = report(case)["odd_frees"]
    assert (double["kind"], double["allocated"][0]["function"]) == ("double", "double_free")
    assert other["kind"] in ("unknown", "interior")


def test_the_wrong_program_is_said_and_the_report_is_by_address() -> None:
    case, other = PLAYERS[0], Path("elf/shop.elf")
    said = memtrace("report", LOGS / case["log"], "--elf", LOGS / other, "--json")
    assert said.status == 0
    assert any(item["check"] == "symbols" for item in said.json()["skipped"])
    assert said.json()["totals"]["live_bytes"] == case["truth"]["live_bytes"]


def test_two_logs_are_compared() -> None:
    older, newer = (next(case for case in PLAYERS if case["id"] == name) for name in ("ml-steady-rv", "ml-leaky-rv"))
    found = shell("diff", LOGS / older["log"], LOGS / newer["log"], "--elf", LOGS / newer["elf"])
    live = [{site["function"]: site["live_bytes"] for site in case["truth"]["sites"]} for case in (older, newer)]
    assert {one["function"]: one["bytes_change"] for one in found["sites"]} == {
        name: live[1][name] - live[0][name] for name in live[1] if live[1][name] != live[0][name]
    }
    assert (found["from"]["live_bytes"], found["to"]["live_bytes"], found["vanished"]) == (456, 18955, [])
