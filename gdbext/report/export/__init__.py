# SPDX-License-Identifier: Apache-2.0
"""The forms of other tools, one file each, loaded when they are first used: what they can open is written here.

To add one, write a file with an OUTPUT and add its name here (example: docs/how-to/add-an-export.md). It is an output
like text and JSON (report/outputs), for the report of `memtrace export`.
"""

from __future__ import annotations

NAMES = (
    "pprof",
    "speedscope",
    "heaptrack",
    "dhat",
    "folded",
    "chrome",
    "openmetrics",
    "jsonl",
    "csv",
)  # fmt: skip
