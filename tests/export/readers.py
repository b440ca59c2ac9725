# SPDX-License-Identifier: Apache-2.0
"""Reads what was exported, each form by a program or a package that is not ours, into the sums of our metrics.

go, heaptrack, valgrind's viewer in node, ajv with speedscope's schema, prometheus_client; Python's own json and csv for
forms that have no more than these.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

NODE = Path(sys.prefix) / "node" / "node_modules"
HERE = Path(__file__).parent
Sums = dict[str, int]  # by the name of our metric
PPROF = {
    "alloc_objects/count": "allocations",
    "alloc_space/bytes": "total",
    "inuse_objects/count": "live-blocks",
    "inuse_space/bytes": "live",
    "peak_objects/count": "peak-blocks",
    "peak_space/bytes": "peak",
}
DEFAULT = "[dflt]"
FIELDS = {
    "live_bytes": "live",
    "live_blocks": "live-blocks",
    "at_peak_bytes": "peak",
    "at_peak_blocks": "peak-blocks",
    "bytes": "total",
    "allocations": "allocations",
    "temporary": "temporary",
}


def run(*line: object) -> str:
    """What a program prints. It must succeed."""
    words = [str(word) for word in line]
    assert shutil.which(words[0]), f"{words[0]} is not there: run `make setup`"
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pprof(file: Path, *options: str) -> str:
    """What pprof prints of a file. It is told to ask no file for names."""
    return run("go", "tool", "pprof", "-symbolize=none", *options, file)


class Pprof:
    """`pprof -raw` of a file, taken apart."""

    def __init__(self, file: Path) -> None:
        text = pprof(file, "-raw")
        head, _, rest = text.partition("Samples:\n")
        samples, _, rest = rest.partition("Locations\n")
        locations, _, mappings = rest.partition("Mappings\n")
        self.comments = head
        types, *lines = samples.splitlines()
        self.types = [one.replace(DEFAULT, "") for one in types.split()]
        (self.default,) = [one for one in types.split() if one.endswith(DEFAULT)]
        self.mappings = mappings.splitlines()
        self.mapped: Counter[int] = Counter()  # locations by the number of their mapping
        self.locations = self._locations(locations)
        self.samples: list[tuple[list[int], list[int], dict[str, str]]] = []
        for line in lines:
            if re.match(r"\s*-?\d+ .*: [\d ]+$", line):
                values, _, stack = line.rpartition(": ")
                self.samples.append((list(map(int, values.split())), list(map(int, stack.split())), {}))
            else:
                self.samples[-1][2].update(re.findall(r"(\w+):\[(.*?)\]", line))

    def _locations(self, text: str) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        number = 0
        for line in text.splitlines():
            new = re.match(r"\s*(\d+): (0x[0-9a-f]+) (?:M=(\d+) )?(.*)", line)
            if new is not None:
                number = int(new[1])
                found[number] = [new[4]]
                self.mapped[int(new[3] or 0)] += 1
            else:
                found[number].append(line.strip())
        return found

    def sums(self) -> Sums:
        """The sums of all samples."""
        columns = zip(*(values for values, _, _ in self.samples), strict=True)
        return dict(zip((PPROF[one] for one in self.types), map(sum, columns), strict=True))

    def by_label(self, name: str, metric: str) -> Counter[str]:
        """The sums of a metric by the value of a label."""
        column = [PPROF[one] for one in self.types].index(metric)
        found: Counter[str] = Counter()
        for values, _, labels in self.samples:
            found[labels.get(name, "")] += values[column]
        return found

    def outermost(self, metric: str) -> Sums:
        """The sums of a metric by the location at the outer end."""
        column = [PPROF[one] for one in self.types].index(metric)
        found: Counter[int] = Counter()
        for values, stack, _ in self.samples:
            found[stack[-1]] += values[column]
        return {str(key): value for key, value in found.items()}


def sums_of_pprof(file: Path) -> Sums:
    """The sums of pprof's samples."""
    return Pprof(file).sums()


SPEEDSCOPE = {
    "live bytes": "live",
    "live blocks": "live-blocks",
    "bytes at the peak": "peak",
    "blocks at the peak": "peak-blocks",
    "bytes allocated": "total",
    "allocations": "allocations",
    "temporary allocations": "temporary",
}


def sums_of_speedscope(file: Path) -> Sums:
    """The sums of speedscope's profiles, when the schema holds."""
    assert run("node", HERE / "speedscope.js", NODE, file) == ""
    found = {}
    whole = json.loads(file.read_text())
    for profile in whole["profiles"]:
        assert sum(profile["weights"]) == profile["endValue"] and len(profile["weights"]) == len(profile["samples"])
        assert all(0 <= one < len(whole["shared"]["frames"]) for stack in profile["samples"] for one in stack)
        found[SPEEDSCOPE[profile["name"]]] = profile["endValue"]
    return found


def sums_of_dhat(file: Path) -> Sums:
    """The sums of the root of valgrind's own viewer."""
    viewer = next(Path("/usr").glob("lib*/**/valgrind/dh_view.js"))
    told = json.loads(run("node", HERE / "dhat.js", viewer, file))
    names = {"peakBlocks": "peak-blocks", "liveBlocks": "live-blocks"}
    return {names.get(name, name): value for name, value in told.items()}


HEAPTRACK = {"allocations": "allocations", "temporary": "temporary", "leaked": "live", "peak": "peak"}


def sums_of_heaptrack(file: Path) -> Sums:
    """The sums of the stacks that heaptrack_print writes for flame graphs."""
    found = {}
    for kind, metric in HEAPTRACK.items():
        stacks = file.with_suffix(f".{kind}.stacks")
        run(
            "heaptrack_print", "-f", file, "-F", stacks, "--flamegraph-cost-type", kind, "-a", "0", "-p", "0", "-T", "0"
        )
        found[metric] = sum(int(line.rpartition(" ")[2]) for line in stacks.read_text().splitlines())
    return found


def sums_of_folded(file: Path) -> Sums:
    """The sum of folded stacks, of the metric in the file's name."""
    lines = file.read_text().split("\n")
    assert lines.pop() == "" and all(re.fullmatch(r"[^;]+(;[^;]+)* \d+", line) for line in lines)
    return {file.name.split(".")[0]: sum(int(line.rpartition(" ")[2]) for line in lines)}


def sums_of_chrome(file: Path) -> Sums:
    """What the counters end with, and the most that they reached."""
    tracks: dict[str, list[int]] = {}
    last: dict[str, float] = {}
    for event in json.loads(file.read_text())["traceEvents"]:
        if event["ph"] == "C":
            tracks.setdefault(event["name"], []).append(event["args"]["value"])
            assert event["ts"] >= last.get(event["name"], 0)
            last[event["name"]] = event["ts"]
    return {
        "live": tracks["live bytes"][-1],
        "live-blocks": tracks["live blocks"][-1],
        "peak": max(tracks["live bytes, most"]),
    }


def metrics_of(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """The samples of OpenMetrics by name and labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(sorted(one.labels.items()))] = one.value
    return found


def sums_of_openmetrics(file: Path) -> Sums:
    """The totals, which the heaps sum up to where there are sums."""
    told = metrics_of(file.read_text())
    names = {
        "live": "live_bytes",
        "live-blocks": "live_blocks",
        "peak": "peak_bytes",
        "total": "allocated_bytes_total",
        "allocations": "allocations_total",
        "temporary": "temporary_allocations_total",
    }
    sums = {metric: int(told[f"memtrace_{name}"][()]) for metric, name in names.items() if f"memtrace_{name}" in told}
    for metric, value in sums.items():
        if metric != "peak":
            assert sum(told[f"memtrace_heap_{names[metric]}"].values()) == value
    return sums


def sums_of_jsonl(file: Path) -> Sums:
    """The sums of a replay of the lines."""
    live: dict[str, int] = {}
    sums: Counter[str] = Counter()
    newest = None
    for line in file.read_text().splitlines():
        one: dict[str, Any] = json.loads(line)
        if one["op"] == 1:
            live[one["p"]] = one["size"]
            sums["allocations"] += 1
            sums["total"] += one["size"]
            newest = one["p"]
        else:
            del live[one["p"]]
            sums["temporary"] += newest == one["p"]
        sums["peak"] = max(sums["peak"], sum(live.values()))
    return {**sums, "live": sum(live.values()), "live-blocks": len(live)}


def sums_of_csv(file: Path) -> Sums:
    """The sums of the columns."""
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    columns = {name: [row[name] for row in rows] for name in FIELDS}
    return {FIELDS[name]: sum(map(int, cells)) for name, cells in columns.items() if all(cells)}


READERS: dict[str, tuple[str, Callable[[Path], Sums]]] = {
    "pprof": ("a.pb.gz", sums_of_pprof),
    "speedscope": ("a.speedscope.json", sums_of_speedscope),
    "dhat": ("a.dhat.json", sums_of_dhat),
    "heaptrack": ("a.heaptrack", sums_of_heaptrack),
    "chrome": ("a.trace.json", sums_of_chrome),
    "openmetrics": ("a.om", sums_of_openmetrics),
    "jsonl": ("a.jsonl", sums_of_jsonl),
    "csv": ("a.csv", sums_of_csv),
}
