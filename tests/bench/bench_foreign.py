# SPDX-License-Identifier: Apache-2.0
"""How many of the shared logs, console texts and flash images come out otherwise than their manifests say."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.cli.shell import memtrace, shell
from tests.support.bench import Row
from tests.support.console import CONSOLE, manifest
from tests.support.flash_cases import Case, cases, contents_of, image_of
from tests.support.paths import SHARED

_LOGS = SHARED / "fixtures" / "logs"
_TOTALS = ("allocations", "frees", "bytes_allocated", "peak_bytes", "peak_blocks", "live_blocks", "live_bytes")
_CUT = ("ht-shop-torn",)  # its truth is a bound: how much is readable depends on the compressor


def rows() -> Iterable[Row]:
    """The bounds of issue 2.5."""
    logs = [case for case in json.loads((_LOGS / "manifest.json").read_text())["cases"] if case["id"] not in _CUT]
    wrong = [case["id"] for case in logs if not _has_right_totals(case)]
    yield Row("logs of other tools: with a total that is not the truth", len(wrong), 0, "", _of(logs, wrong))
    names = sorted(manifest())
    wrong = [name for name in names if _situation(name) not in manifest()[name]["acceptable"]]
    yield Row("console texts: situation not acceptable", len(wrong), len(names) / 20, "", _of(names, wrong))
    wrong = [name for name, case in cases().items() if not _is_taken(case)]
    yield Row("flash images: not exact, prefix or refused as they should be", len(wrong), 0, "", _of(cases(), wrong))


def _of(all_: Any, wrong: list[str]) -> str:
    return f"of {len(all_)}{': ' if wrong else ''}{' '.join(wrong)}"


def _has_right_totals(case: dict[str, Any]) -> bool:
    """Whether each total that the log can tell is the truth. What it cannot tell is null."""
    logs = case["log"] if isinstance(case["log"], list) else [case["log"]]
    truth = case["truth"].get("whole_log") or case["truth"]
    truth = truth["checkpoints"][-1] if "checkpoints" in truth else truth
    untold = ("live_blocks", "live_bytes") if "leaks" in case["not_in_data"] else ()
    totals = shell("report", *(_LOGS / log for log in logs), "--elf", _LOGS / case["elf"])["totals"]
    told = {
        name: totals[name] for name in _TOTALS if name not in untold and None not in (truth.get(name), totals[name])
    }
    return len(told) > 0 and all(truth[name] == value for name, value in told.items())


def _situation(name: str) -> str:
    found = json.loads(memtrace("explain", CONSOLE / manifest()[name]["file"], "--json").out)["crashes"]
    return str(found[0]["situation"]) if found else "none"


def _is_taken(case: Case) -> bool:
    """Whether what is taken out of an image is as its manifest says."""
    where = ["--partition", case["partition"]] if case["partition"] is not None else []
    what = ["--path", case["path"]] if case["path"] is not None else []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        status = memtrace("extract", image_of(case), *where, *what, "--output", out).status
        data = out.read_bytes() if out.exists() else None
    if data is None:
        return status == 2 and (case["expected"] == "error" or case["minimum_prefix"] == 0)
    if case["expected"] == "exact":
        return data in contents_of(case) and status <= (case["damage"] is not None)
    begins = any(one.startswith(data) for one in contents_of(case))
    return case["expected"] == "prefix" and begins and len(data) >= case["minimum_prefix"] and status < 2
