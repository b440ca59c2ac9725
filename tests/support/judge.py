# SPDX-License-Identifier: Apache-2.0
"""Compares a `check` report, as JSON, with the truth of a fixture. Each function returns what is wrong, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.fixtures import Block, Case, Totals

Report = Mapping[str, Any]


def problems(case: Case, report: Report) -> list[str]:
    """Everything in which the report differs from the truth."""
    heap = report["heaps"][0]
    return [
        *_status(case, heap),
        *_findings(case, heap),
        *_blocks(case, heap),
        *_totals(case, heap),
    ]


def _status(case: Case, heap: Report) -> Iterator[str]:
    right = {case.truth.primary_status} | ({"unreadable"} if case.truth.incomplete else set())
    if not case.truth.undecidable and heap["status"] not in right:
        yield f"status {heap['status']}, not {' or '.join(sorted(right))}"


def _findings(case: Case, heap: Report) -> Iterator[str]:
    damage = [finding for finding in heap["findings"] if finding["severity"] == "damage"]
    if case.truth.undecidable:
        return
    if case.truth.primary_status == "clean":
        yield from (f"a finding on a clean heap: {finding['text']}" for finding in damage)
    elif not any(localises(case, finding) for finding in damage):
        yield f"no finding names the place: {[finding['text'] for finding in damage]}"


def localises(case: Case, finding: Report) -> bool:
    """Whether a finding names a block or a place that the truth accepts."""
    named = {finding["block"], *(suspect["payload"] for suspect in finding["suspects"])}
    if named & set(case.truth.acceptable_blocks):
        return True
    return any(start <= finding["address"] < end for start, end in case.truth.acceptable_ranges)


def _untouched(case: Case) -> Iterator[Block]:
    for block in case.truth.blocks:
        if not block.affected and block.payload not in case.truth.damaged_blocks:
            yield block


def _blocks(case: Case, heap: Report) -> Iterator[str]:
    listed = {block["payload"]: block for block in heap["blocks"] if block["state"] == "used"}
    read_to = min((gap["start"] for gap in heap["gaps"]), default=heap["end"]) if case.truth.incomplete else heap["end"]
    for block in _untouched(case):
        have = listed.get(block.payload)
        if have is None and heap["start"] <= block.payload < read_to:
            yield f"used block {block.payload:#x} is not listed"
        elif have is not None and (have["size"], have["raw"]) != (block.size, block.raw):
            yield f"block {block.payload:#x}: size {have['size']}, raw {have['raw']:#x}; {block.size}, {block.raw:#x}"


def _totals(case: Case, heap: Report) -> Iterator[str]:
    totals = case.truth.totals
    if totals is None or case.truth.primary_status != "clean" or case.truth.incomplete:
        return
    yield from totals_problems(totals, heap)


def totals_problems(totals: Totals, heap: Report) -> Iterator[str]:
    """In which totals a clean heap's report differs."""
    for name in ("used_blocks", "free_blocks", "used_bytes"):
        if heap[name] != getattr(totals, name):
            yield f"{name} {heap[name]}, not {getattr(totals, name)}"
    for name, accepted in totals.accepted.items():
        if heap[name] not in accepted and not (name == "minimum_free" and heap[name] is None):
            yield f"{name} {heap[name]}, not one of {accepted}"
