# SPDX-License-Identifier: Apache-2.0
"""What holds of every report, whatever it is about: the contract's fields, and that it does not contradict itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

Report = Mapping[str, Any]

CLOSING = {"version", "trace", "skipped", "cost"}
FIELDS = {
    "check": CLOSING | {"assertion", "heaps"},
    "last": CLOSING | {"address", "block", "generations"},
    "blocks": CLOSING | {"blocks", "total", "heaps", "empty", "damaged"},
    "free": CLOSING | {"heaps", "damaged"},
    "log": CLOSING | {"events", "empty"},
    "status": CLOSING | {"heaps", "ring", "facts"},
    "refs": CLOSING | {"address", "block", "references", "total", "complete", "scanned", "unscanned"},
    "leaks": CLOSING | {"kind", "blocks", "total", "bytes", "complete", "scanned", "unscanned", "damaged"},
}
FIELDS |= {
    "report": CLOSING | {"source", "totals", "sites", "tree", "timeline", "tasks", "modules", "marks"},
    "tree": CLOSING | {"tree", "empty"},
    "explain": CLOSING | {"crashes", "leaks", "lines"},
    "diff": CLOSING | {"from", "to", "sites", "vanished"},
}
STATES = {"clean", "damaged", "unreadable", "uninitialised"}
EXIT = {"damaged": 1, "unreadable": 2}


def problems(command: str, report: Report, status: int) -> Iterator[str]:
    """Everything that is wrong with a report as JSON and the exit status that came with it."""
    if missing := FIELDS[command] - set(report):
        yield f"fields are missing: {missing}"
    if command == "check":
        for heap in report["heaps"]:
            yield from _heap(heap)
        yield from _status(report, status)
        return
    if command == "report":
        yield from _added_up(report)
    if command == "blocks":
        yield from _listed(report["blocks"])
    if command in ("blocks", "log") and bool(report["empty"]) != (
        not report["blocks" if command == "blocks" else "events"]
    ):
        yield f"a list that is empty because {report['empty']}"
    if status != (0 if _could(command, report) else 2):
        yield f"status {status} with a report"


def _added_up(report: Report) -> Iterator[str]:
    """The sums over sites are the totals, and no part has a higher peak than the whole."""
    totals, sites = report["totals"], report["sites"]
    names = [name for name in ("allocations", "live_bytes", "live_blocks", "temporary") if totals[name] is not None]
    sums = {name: sum(site[name] for site in sites) for name in names}
    if sums != {name: totals[name] for name in sums}:
        yield f"{sums} in {totals}"
    peak, has_events = totals["peak_bytes"], totals["temporary"] is not None
    if peak is None or not (has_events or report["source"]["complete"]):  # sums that do not fit are said not to
        return
    if totals["live_bytes"] > peak or sum(site["at_peak_bytes"] for site in sites) != peak:
        yield "the sites do not make the peak"
    nodes = [report["tree"]]
    for node in nodes:
        nodes += node["children"]
        if node["leak"] > node["max_use"] or node["max_use"] > peak:
            yield f"node {node['name']}"


def _could(command: str, report: Report) -> bool:
    """Whether anything was read of what a command is about."""
    if command == "blocks" and report["trace"] is not None and (report["trace"]["past"] or report["trace"]["log"]):
        return True
    if command in ("blocks", "free"):
        return bool(report["heaps"])
    if command == "leaks" and report["kind"] != "not freed":
        return any(one["kind"] == "heap" and one["amount"] for one in report["scanned"])
    if command == "status":
        return report["trace"] is not None or any(heap["layout"] != "unreadable" for heap in report["heaps"])
    return command != "log" or report["trace"] is not None


def _status(report: Report, status: int) -> Iterator[str]:
    states = [heap["status"] for heap in report["heaps"]]
    right = 1 if "damaged" in states else 2 if "unreadable" in states or not states else 0
    if status != right:
        yield f"status {status} for {states}"


def _heap(heap: Report) -> Iterator[str]:
    damage = [finding for finding in heap["findings"] if finding["severity"] == "damage"]
    if heap["status"] not in STATES or (heap["status"] == "damaged") != bool(damage):
        yield f"a {heap['status']} heap with {len(damage)} findings of damage"
    groups = [finding["group"] for finding in heap["findings"]]
    if groups and set(groups) != set(range(min(groups), max(groups) + 1)):
        yield f"groups {sorted(set(groups))}"
    for finding in heap["findings"]:
        bytes.fromhex(finding["bytes"].replace(" ", ""))
        if finding["severity"] not in ("damage", "note") or not finding["text"] or finding["address"] < 0:
            yield f"finding {finding}"
    for gap in heap["gaps"]:
        if not heap["start"] <= gap["start"] < gap["end"]:
            yield f"gap {gap}"
    if heap.get("blocks") is not None:
        yield from _blocks(heap)


def _blocks(heap: Report) -> Iterator[str]:
    yield from _listed(heap["blocks"])
    used = [block for block in heap["blocks"] if block["state"] == "used"]
    if len(used) != heap["used_blocks"] or sum(block["size"] for block in used) != heap["used_bytes"]:
        yield f"{len(used)} used blocks are listed, {heap['used_blocks']} counted"


def _listed(blocks: list[Report]) -> Iterator[str]:
    """Blocks have sizes, and do not overlap but in a log, which has no heap and may say so."""
    ordered = sorted(
        (block for block in blocks if block.get("heap", 0) is not None),
        key=lambda block: (block.get("heap", 0), block["raw"]),
    )
    for one, other in pairwise(ordered):
        if one.get("heap") == other.get("heap") and one["raw"] + one["size"] > other["raw"]:
            yield f"{one} reaches into {other}"
    for block in blocks:
        if block["size"] < 0 or block["state"] not in ("used", "free"):
            yield f"block {block}"
