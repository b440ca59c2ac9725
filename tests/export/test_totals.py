# SPDX-License-Identifier: Apache-2.0
"""Each form is opened by a reader that is not ours, and its sums are those of the report, metric by metric."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace, shell
from tests.export.readers import FIELDS, READERS, Pprof, Sums, sums_of_folded
from tests.export.recorded import ELF, LOST, written
from tests.support.paths import BUILD, SHARED, require

LOGS = SHARED / "fixtures" / "logs"
TOTALS = {"total": "bytes_allocated", "live": "live_bytes", "live-blocks": "live_blocks", "peak": "peak_bytes"}
TOTALS |= {"peak-blocks": "peak_blocks", "allocations": "allocations", "temporary": "temporary"}
METRICS = list(FIELDS.values())


def sums_of(report: Any) -> Sums:
    """The sums over the samples of the twin."""
    return {metric: sum(one[field] for one in report["samples"]) for field, metric in FIELDS.items()}


@cache
def told(command: str, *words: object) -> Any:
    """A report, which is made and held to the schema once."""
    return shell(command, *words)


@cache
def source(name: str) -> list[object]:
    """The words that name a log and its program."""
    if name == "all":
        folder = BUILD / "export"
        folder.mkdir(parents=True, exist_ok=True)
        return [written(folder), "--elf", ELF]
    log = require(LOGS / name)
    elf = {"media_lib": "player.rv.elf", "py_malloc": None}[name.split("/")[0]]
    return [log, *(["--elf", LOGS / "elf" / elf] if elf else [])]


LOGS_READ = ["all", "media_lib/ml-leaky-rv.log", "media_lib/ml-storm-rv.log", "py_malloc/py-leaky.log"]


def exported(words: list[object], file: Path, *more: object) -> Path:
    said = memtrace("export", *words, "--output", file, "--overwrite", *more)
    assert (said.status, said.out, said.err) == (0, "", "")
    return file


@pytest.mark.parametrize("name", LOGS_READ)
def test_the_samples_sum_up_to_the_totals(name: str) -> None:
    words = source(name)
    twin, report = told("export", *words), told("report", *words)
    assert twin["totals"] == report["totals"]
    assert sums_of(twin) == {metric: report["totals"][field] for metric, field in TOTALS.items()}
    assert twin["timeline"] == report["timeline"] and twin["by_heap"] == report["heaps"]


@pytest.mark.parametrize("form", READERS)
@pytest.mark.parametrize("name", LOGS_READ)
def test_a_reader_sums_up_to_the_same(name: str, form: str, tmp_path: Path) -> None:
    words = source(name)
    file, reader = READERS[form]
    ours = sums_of(told("export", *words))
    theirs = reader(exported(words, tmp_path / file))
    if form == "dhat":
        assert theirs.pop("lifetime") == sum(one["lifetime"] for one in told("export", *words)["samples"])
    if form in ("heaptrack", "jsonl"):
        older = 1 if name == "all" else 0  # these forms have no other word for a block that was there before
        ours["allocations"] += older
        ours["total"] += 700 * older
    if form == "heaptrack":
        assert theirs.pop("temporary") <= ours["temporary"]  # the very next event alone counts there
    assert theirs == {metric: ours[metric] for metric in theirs}
    assert len(theirs) >= 3


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", LOGS_READ)
def test_folded_stacks_of_each_metric(name: str, metric: str, tmp_path: Path) -> None:
    words = source(name)
    file = exported(words, tmp_path / f"{metric}.folded", "--metric", metric)
    assert sums_of_folded(file) == {metric: sums_of(told("export", *words))[metric]}


FILTERS = [("--task", "net"), ("--heap", "psram"), ("--size", "100:200"), ("--until", "warm"), ("--since", "seq:60")]


@pytest.mark.parametrize("form", ["pprof", "jsonl", "heaptrack"])
@pytest.mark.parametrize("words", FILTERS, ids=" ".join)
def test_filters_count_the_same_in_every_form(words: tuple[str, str], form: str, tmp_path: Path) -> None:
    """Those that read event by event read by the same rules."""
    all_words = [*source("all"), *words]
    file, reader = READERS[form]
    ours, theirs = sums_of(told("export", *all_words)), reader(exported(all_words, tmp_path / file))
    assert ours["allocations"] > 0
    assert {one: theirs[one] for one in ("live", "peak")} == {one: ours[one] for one in ("live", "peak")}


def test_every_cut_of_pprof_sums_up(tmp_path: Path) -> None:
    """Leaves, roots, tasks, heaps: all of a profile, in each metric."""
    words = source("all")
    read, report = Pprof(exported(words, tmp_path / "a.pb.gz")), told("export", *words)
    ours = sums_of(report)
    for metric in ("live", "live-blocks", "peak", "peak-blocks", "total", "allocations"):
        assert sum(read.outermost(metric).values()) == ours[metric]
        for label, field in (("task", "task"), ("heap", "heap"), ("module", "module")):
            by_label = read.by_label(label, metric)
            wanted: dict[str, int] = {}
            for one in report["samples"]:
                column = next(name for name, known in FIELDS.items() if known == metric)
                wanted[one[field] or ""] = wanted.get(one[field] or "", 0) + one[column]
            assert dict(by_label) == wanted
    assert set(read.by_label("task", "live")) == {"net", "ui", "decode", "(interrupt)"}
    assert set(read.by_label("caps", "live")) == {"0x1804", "0x400"}


def test_what_pprof_is_told(tmp_path: Path) -> None:
    words = source("all")
    read, twin = Pprof(exported(words, tmp_path / "a.pb.gz")), told("export", *words)
    assert read.types == [
        "alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes", "peak_objects/count",
        "peak_space/bytes",
    ]  # fmt: skip
    assert read.default == "inuse_space/bytes[dflt]"
    assert f"{LOST} lost" in read.comments
    assert "Period: 1" in read.comments and "PeriodType: space bytes" in read.comments
    (mapping,) = read.mappings
    code = twin["mappings"][0]
    assert mapping.startswith(f"1: {code['start']:#x}/{code['end']:#x}/0x0 {ELF} {twin['build_id']}")
    assert mapping.endswith("[FN][FL][LN][IN]")
    inlined = [lines for lines in read.locations.values() if len(lines) > 1]
    assert ["ring_storage", "ringbuf_create"] in [[line.split()[0] for line in lines] for lines in inlined]
    assert read.mapped == {1: len(read.locations)}
