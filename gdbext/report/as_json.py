# SPDX-License-Identifier: Apache-2.0
"""Reports as JSON: the contract of version 1. Fields may be added, none renamed."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from typing import Any, Dict

from gdbext.model import CheckReport, HeapReport

VERSION = 1


def to_json(report: Any) -> str:
    """A report's twin as one JSON object."""
    return json.dumps({"version": VERSION, **_plain(report)}, indent=1)


def _plain(value: Any) -> Dict[str, Any]:
    assert is_dataclass(value) and not isinstance(value, type)
    data = asdict(value)
    if isinstance(value, CheckReport):
        for heap, report in zip(data["heaps"], value.heaps):
            _shape_heap(heap, report)
    return data


def _shape_heap(heap: Dict[str, Any], report: HeapReport) -> None:
    """`resumed` is a list of payloads in the contract; what proves them comes beside it. No blocks, no field."""
    heap["resumed"] = [resume.payload for resume in report.resumed]
    heap["resumed_why"] = [resume.why for resume in report.resumed]
    if heap["blocks"] is None:
        del heap["blocks"]
