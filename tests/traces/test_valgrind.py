# SPDX-License-Identifier: Apache-2.0
"""The files of DHAT and massif, held against the program's own book and against what valgrind itself says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.cli.shell import memtrace, shell
from tests.support.paths import SHARED

LOGS = SHARED / "fixtures" / "logs"
CASES = {case["id"]: case for case in json.loads((LOGS / "manifest.json").read_text(encoding="utf-8"))["cases"]}
DHAT, MASSIF = CASES["dhat-shop"], CASES["massif-shop"]
SITE = ("function", "file", "line", "allocations", "bytes", "live_blocks", "live_bytes")
TOTALS = ("allocations", "frees", "bytes_allocated", "peak_bytes", "peak_blocks", "live_blocks", "live_bytes")
PP = {"tb": 100, "tbk": 4, "tl": 9, "mb": 50, "mbk": 2, "gb": 25, "gbk": 1, "eb": 75, "ebk": 3, "fs": [1]}


def test_dhat() -> None:
    found, truth = shell("report", LOGS / DHAT["log"], "--elf", LOGS / DHAT["elf"]), DHAT["truth"]
    assert {name: found["totals"][name] for name in TOTALS} == {name: truth[name] for name in TOTALS}
    sites = {tuple(site[name] for name in SITE) for site in found["sites"]}
    assert sites == {tuple(site[name] for name in SITE) for site in truth["sites"]}
    assert found["totals"]["temporary"] is None and found["totals"]["invalid_frees"] is None
    assert found["source"]["complete"] and not found["source"]["unread"] and not found["timeline"]["buckets"]


def test_own_peaks_of_dhat_are_never_above_the_truth() -> None:
    found = {
        (site["function"], site["line"]): site["peak_bytes"] for site in shell("report", LOGS / DHAT["log"])["sites"]
    }
    truth = {(site["function"], site["line"]): site["peak_bytes"] for site in DHAT["truth"]["sites"]}
    assert found.keys() == truth.keys() and all(found[place] <= truth[place] for place in truth)


def test_without_a_program_the_log_names_files_and_lines() -> None:
    found = shell("report", LOGS / DHAT["log"])
    assert {site["file"] for site in found["sites"]} == {"checkout.c", "basket.c", "catalog.c"}
    assert not any(item["check"] == "symbols" for item in found["skipped"])


def test_inlined_calls_share_an_address() -> None:
    stacks = [stack["frames"] for site in shell("report", LOGS / DHAT["log"])["sites"] for stack in site["stacks"]]
    (frames,) = (one for one in stacks if one[0]["function"] == "name_copy")
    assert [(one["function"], one["line"]) for one in frames[:2]] == [("name_copy", 7), ("catalog_add", 15)]
    assert frames[0]["pc"] == frames[1]["pc"]


def test_massif() -> None:
    found, truth = shell("report", LOGS / MASSIF["log"], "--elf", LOGS / MASSIF["elf"]), MASSIF["truth"]
    totals = found["totals"]
    assert totals["peak_bytes"] == truth["peak_bytes"] == max(one["most_bytes"] for one in found["timeline"]["buckets"])
    assert {name: totals[name] for name in ("allocations", "frees", "peak_blocks", "live_blocks")} == dict.fromkeys(
        ("allocations", "frees", "peak_blocks", "live_blocks")
    )
    assert all(site["live_blocks"] is site["stacks"][0]["live_blocks"] is None for site in found["sites"])
    top = max(found["sites"], key=lambda site: site["at_peak_bytes"])
    assert (top["function"], top["at_peak_bytes"], top["live_bytes"]) == ("stocktaking", 1_200_006, 0)
    assert {site["function"]: site["class"] for site in found["sites"]}["invoice_archive"] == "grows"
    assert sum(site["at_peak_bytes"] for site in found["sites"]) == totals["peak_bytes"]
    assert sum(site["live_bytes"] for site in found["sites"]) == totals["live_bytes"] == 19_346
    assert found["timeline"]["unit"] == "instructions" and found["windows"]["kind"] == "snapshots"


def test_commands_on_sums() -> None:
    log = LOGS / DHAT["log"]
    tree = shell("tree", log)["tree"]
    assert (tree["max_use"], tree["leak"]) == (1_210_216, 19_191)
    leaks = shell("leaks", log, "--all")
    assert (leaks["total"], leaks["bytes"]) == (136, 19_191)
    diff = shell("diff", log, log)
    assert diff["sites"] == [] and diff["to"]["live_bytes"] == 19_191
    export = memtrace("export", log, "--format", "dhat", "--elf", LOGS / DHAT["elf"])
    assert sum(one["ebk"] for one in json.loads(export.out)["pps"]) == 136
    said = memtrace("report", log, "--since", "seq:3")
    assert said.status == 2 and "sums in place of calls" in said.err and len(said.err.splitlines()) == 1


def test_what_a_log_does_not_count_has_not_changed() -> None:
    """Massif counts no blocks, so nobody knows how many more there are."""
    massif, dhat = LOGS / MASSIF["log"], LOGS / DHAT["log"]
    counted, uncounted = shell("diff", dhat, dhat)["to"], shell("diff", massif, massif)["to"]
    assert (counted["live_blocks"], counted["peak_bytes"]) == (136, 1_210_216)
    assert (uncounted["live_blocks"], uncounted["peak_bytes"]) == (None, 1_210_216)
    changes = shell("diff", massif, dhat)["sites"]
    assert changes and all(one["blocks_change"] is None for one in changes)
    assert "blocks" not in memtrace("diff", massif, dhat).out.splitlines()[0]


@cache
def tool(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"{name} is missing: make setup"
    return found


PROGRAM = """
#include <map>
#include <string>
#include <thread>
#include <vector>
struct Shelf { std::map<int, std::string> books; };
static void fill(Shelf &shelf, int count) {
    for (int i = 0; i < count; i++) shelf.books[i] = std::string(100 + i, 'x');
}
static void work(std::vector<char *> *kept) {
    for (int i = 0; i < 50; i++) { kept->push_back(new char[1000 + i]); delete[] new char[3000]; }
}
int main() {
    auto *shelf = new Shelf; fill(*shelf, 40);
    std::vector<char *> one, two;
    std::thread first(work, &one); first.join();
    std::thread second(work, &two); second.join();
    { std::vector<double> big(100000); }
    return one.size() != two.size();
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "shelf.cpp").write_text(PROGRAM)
    subprocess.run(
        ["g++", "-g", "-O1", "-pthread", "-o", folder / "shelf", folder / "shelf.cpp"], check=True, timeout=120
    )
    return folder / "shelf"


def run(program: Path, *words: str) -> str:
    """What valgrind says when it runs the program."""
    done = subprocess.run([tool("valgrind"), *words, program], check=True, timeout=300, capture_output=True, text=True)
    return done.stderr


def test_dhat_says_what_valgrind_said(program: Path, tmp_path: Path) -> None:
    said = run(program, "--tool=dhat", f"--dhat-out-file={tmp_path / 'out'}")
    numbers = {
        name: tuple(int(number.replace(",", "")) for number in re.findall(r"([\d,]+) (?:bytes|blocks)", line))
        for name, line in re.findall(r"==\d+== (Total|At t-gmax|At t-end): (.*)", said)
    }
    totals = shell("report", tmp_path / "out")["totals"]
    assert (totals["bytes_allocated"], totals["allocations"]) == numbers["Total"]
    assert (totals["peak_bytes"], totals["peak_blocks"]) == numbers["At t-gmax"]
    assert (totals["live_bytes"], totals["live_blocks"]) == numbers["At t-end"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--time-unit=ms",),
        ("--time-unit=B", "--depth=3"),
        ("--pages-as-heap=yes",),
        ("--detailed-freq=1", "--threshold=0"),
    ],
    ids=" ".join,
)
def test_massif_says_what_its_snapshots_say(program: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    run(program, "--tool=massif", f"--massif-out-file={tmp_path / 'out'}", *words)
    levels = [int(number) for number in re.findall(r"^mem_heap_B=(\d+)$", (tmp_path / "out").read_text(), re.M)]
    found = shell("report", tmp_path / "out")
    assert found["source"]["unread"] == 0 and found["source"]["format"] == "massif"
    assert (found["totals"]["peak_bytes"], found["totals"]["live_bytes"]) == (max(levels), levels[-1])
    assert [bucket["last_bytes"] for bucket in found["timeline"]["buckets"]] == levels
    assert sum(site["at_peak_bytes"] for site in found["sites"]) == max(levels)


def test_a_peak_without_a_tree(tmp_path: Path) -> None:
    """Whoever held a little less a moment later held most of it; the rest belongs to nobody."""
    text = (LOGS / MASSIF["log"]).read_text()
    start = text.index("mem_heap_B=1210216")
    tree = text[text.index("heap_tree", start) : text.index("#---", start)]
    beside = f"snapshot=99\n#-\ntime=999999\nmem_heap_B=1210215\n{tree}#-----------\n"
    path = tmp_path / "out"
    path.write_text(text.replace(tree, "heap_tree=empty\n") + "#-----------\n" + beside)
    found = shell("report", path)
    sites = {site["function"]: site["at_peak_bytes"] for site in found["sites"]}
    assert sites["stocktaking"] == 1_200_006 and sum(sites.values()) == found["totals"]["peak_bytes"] == 1_210_216
    assert any("as of one with 1,210,215 bytes" in item["why"] for item in found["skipped"])


@pytest.mark.parametrize("mode", ["copy", "ad-hoc"])
def test_a_mode_that_counts_no_heap_is_one_clear_line(program: Path, tmp_path: Path, mode: str) -> None:
    run(program, "--tool=dhat", f"--mode={mode}", f"--dhat-out-file={tmp_path / 'out'}")
    said = memtrace("report", tmp_path / "out")
    assert said.status == 2 and len(said.err.splitlines()) == 1 and f"mode {mode}" in said.err and not said.out


def dhat(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "dhat.json"
    path.write_text(text)
    return path


def of_pps(*pps: object, frames: tuple[str, ...] = ("[root]", "0x10: f (a.rs:5:9)"), **head: object) -> str:
    return json.dumps({"dhatFileVersion": 2, "mode": "rust-heap", "bklt": True, **head, "pps": pps, "ftbl": frames})


def test_other_writers_of_dhat(tmp_path: Path) -> None:
    """On one line, with columns; an own mode; stacks that say the same."""
    found = shell("report", dhat(tmp_path, of_pps(PP, PP, {**PP, "fs": []})))
    assert [(one["function"], one["file"], one["line"]) for one in found["sites"]] == [
        ("f", "a.rs", 5),
        (None, None, None),
    ]
    assert (found["totals"]["allocations"], found["totals"]["live_bytes"], found["totals"]["live_blocks"]) == (
        12,
        225,
        9,
    )
    assert found["sites"][0]["peak_bytes"] == 150 and not found["source"]["complete"]
    assert any("do not fit each other" in item["why"] for item in found["skipped"])


def test_a_torn_dhat_file(tmp_path: Path) -> None:
    text = of_pps(PP, PP, PP)
    found = shell("report", dhat(tmp_path, text[: text.rindex('{"tb"') + 20]))
    assert found["totals"]["live_blocks"] == 6 and not found["source"]["complete"] and found["source"]["unread"] == 1
    assert any("does not go to its end" in item["why"] for item in found["skipped"])


def test_numbers_that_make_no_sense(tmp_path: Path) -> None:
    wrong = [
        {**PP, "eb": -1},
        {**PP, "tb": "x"},
        {**PP, "fs": 3},
        {**PP, "gb": 1 << 70},
        {"tb": 1},
        {**PP, "fs": [99, -1]},
    ]
    found = shell("report", dhat(tmp_path, of_pps(*wrong, PP)))
    assert (found["source"]["unread"], found["totals"]["live_blocks"]) == (6, 3)


@pytest.mark.parametrize(
    "text",
    [
        '{"dhatFileVersion": 3}',
        '{"dhatFileVersion": 2, "mode": "heap"',
        '{"dhatFileVersion": 2, "bklt": true, "pps": ' + "[" * 100_000,
        '{"dhatFileVersion": 2, "bklt": true, "pps": [' + '{"a":' * 100_000,
        '{"dhatFileVersion": 2, "bklt": true, "pps": [{}' + " " * 100_000 + '"ftbl": ["' + "\\" * 99_999,
    ],
    ids=["version", "no mode", "deep lists", "deep objects", "spaces"],
)
def test_hostile_json_is_a_report_or_one_clear_line(tmp_path: Path, text: str) -> None:
    said = memtrace("report", dhat(tmp_path, text))
    assert (said.status, bool(said.out)) == (0, True) or (said.status, len(said.err.splitlines())) == (2, 1)
