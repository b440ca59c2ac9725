# SPDX-License-Identifier: Apache-2.0
"""Files of heaptrack, held against what the programs' own books say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace, shell
from tests.support.paths import SHARED

LOGS = SHARED / "fixtures" / "logs"
CASES = {
    case["id"]: case
    for case in json.loads((LOGS / "manifest.json").read_text(encoding="utf-8"))["cases"]
    if case["format"] in ("heaptrack", "heaptrack_raw")
}
WHOLE = [name for name, case in CASES.items() if case["truth"].get("whole_log")]
SITE = ("file", "line", "allocations", "bytes", "live_blocks", "live_bytes", "peak_bytes")


def report(name: str, *words: object) -> Any:
    case = CASES[name]
    return shell("report", LOGS / case["log"], "--elf", LOGS / case["elf"], *words)


def bare(function: str) -> str:
    """The name of a function without namespaces."""
    return function.rpartition("::")[2]


@pytest.mark.parametrize("name", WHOLE)
def test_totals(name: str) -> None:
    found, truth = report(name), CASES[name]["truth"]["whole_log"]
    assert {key: found["totals"][key] for key in truth} == truth
    assert (found["source"]["format"], found["source"]["complete"]) == (CASES[name]["format"], True)
    assert found["totals"]["invalid_frees"] is None and not found["odd_frees"]
    assert (found["totals"]["temporary"] is None) == (CASES[name]["format"] == "heaptrack")
    assert not [one for one in found["skipped"] if one["check"] == "symbols"]


@pytest.mark.parametrize("name", [name for name in WHOLE if name != "ht-desk-cpp"])
def test_every_site(name: str) -> None:
    truth, extra = CASES[name]["truth"], CASES[name]["truth"]["runtime_extra"]
    sites = {(one["function"], *(one[key] for key in SITE)) for one in report(name)["sites"]}
    wanted = {(one["function"], *(one[key] for key in SITE)) for one in truth["sites"]}
    assert wanted <= sites
    assert [one[4] for one in sites - wanted] == [one["bytes"] for one in extra]


@pytest.mark.parametrize("words", [(), ("--skip", "Booked<T>::allocate"), ("--skip", "Booked::allocate")])
def test_sites_behind_containers_and_their_allocators(words: tuple[str, ...]) -> None:
    """The books have one line for a function that allocates in two, and one for all instances of a template."""
    sums = ("allocations", "bytes", "live_blocks", "live_bytes")
    found: dict[str, list[int]] = {}
    for site in report("ht-desk-cpp", *words)["sites"]:
        kept = found.setdefault(bare(site["function"]), [0] * len(sums))
        kept[:] = [one + site[key] for one, key in zip(kept, sums, strict=True)]
    for site in CASES["ht-desk-cpp"]["truth"]["sites"]:
        assert found.pop(site["function"]) == [site[key] for key in sums]
    assert [one[1] for one in found.values()] == [72704]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["truth"]["last"]])
def test_who_has_an_address(name: str) -> None:
    case = CASES[name]
    for asked in case["truth"]["last"]:
        found = shell("last", asked["address"], LOGS / case["log"], "--elf", LOGS / case["elf"], "--all")
        assert len(found["generations"]) == asked["generations"]
        assert (found["block"] is None) == (asked["block"] is None)
        if asked["block"] is not None:
            life, block = found["generations"][0], found["block"]
            assert (block["payload"], block["size"], block["offset"]) == (
                asked["block"], asked["size"], asked["offset"],
            )  # fmt: skip
            assert (life["freed"] is None) == (asked["state"] == "live")
            site = next(frame for frame in life["allocated"] if frame["line"])
            assert f"{site['function']} {site['file']}:{site['line']}" == asked["alloc"]


def test_without_addresses_nothing_is_claimed_of_them() -> None:
    log = LOGS / CASES["ht-shop-zst"]["log"]
    last = shell("last", 0x3_0000_0001, log)
    assert (last["block"], last["generations"]) == (None, [])
    assert any("no addresses" in one["why"] for one in last["skipped"])
    assert {one["payload"] for one in shell("leaks", log)["blocks"]} == {None}
    assert {one["payload"] for one in shell("blocks", log)["blocks"]} == {None}
    assert {one["payload"] for one in shell("log", log)["events"]} == {None}
    assert memtrace("blocks", log, "--address", "0:").err.count("no addresses") == 1
    assert [one["certainty"] for one in report("ht-shop-zst")["conclusions"]][2] == "unknown"


def test_a_text_that_is_cut() -> None:
    found, truth = report("ht-text-torn"), CASES["ht-text-torn"]["truth"]
    known = ("allocations", "frees", "bytes_allocated", "peak_bytes", "live_blocks", "live_bytes")
    assert {key: found["totals"][key] for key in known} == {key: truth[key] for key in known}
    assert (found["source"]["complete"], found["source"]["unread"]) == (False, truth["unread_lines"])
    assert any("cut off" in one["why"] for one in found["skipped"])


def test_a_packed_file_that_is_cut_says_so() -> None:
    case = CASES["ht-shop-torn"]
    said = memtrace("report", LOGS / case["log"], "--json")
    if said.status:
        assert said.err.count("\n") == 1 and "cut off" in said.err
    else:
        assert any("cut off" in one["why"] for one in said.json()["skipped"])


def test_raw_and_interpreted_files_tell_the_same_sites() -> None:
    raw, interpreted = (
        {tuple(site[key] for key in ("function", *SITE)) for site in report(name)["sites"] if site["line"]}
        for name in ("ht-shop-raw", "ht-shop-zst")
    )
    assert raw == interpreted


def test_another_build_of_the_program_names_nothing(tmp_path: Path) -> None:
    """The file is at the right place, and what was loaded of it was laid out otherwise."""
    found = shell("report", LOGS / CASES["ht-shop-raw"]["log"], "--elf", LOGS / "elf" / "desk.elf")
    assert "workload_main" not in json.dumps(found)
    assert any("shop" in one["why"] for one in found["skipped"] if one["check"] == "symbols")
