# SPDX-License-Identifier: Apache-2.0
"""Writes a report as JSON. docs/reference/json.md describes the fields."""

from __future__ import annotations

from typing import Any, BinaryIO, Callable

from gdbext.model.reports.base import Report
from gdbext.report.json import to_json
from gdbext.report.outputs import Output


def write_json(report: Report, lines: Callable[[Report], Any], out: BinaryIO) -> None:
    """Writes the report as one JSON object."""
    out.write(f"{to_json(report)}\n".encode())


OUTPUT = Output((".json",), write_json)
