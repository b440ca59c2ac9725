# SPDX-License-Identifier: Apache-2.0
"""A log of threads that is written again is one stream in order, and says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace, shell
from tests.support import shop_processes

REQUIRED_AT = 384  # in the header
STREAMS_UNSORTED = 2 | 8
OF_READING = {"trace", "cost", "source", "skipped", "processes"}


@pytest.fixture(name="folder")
def written(tmp_path: Path) -> Path:
    for name, data in shop_processes.files().items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def told(report: dict[str, Any]) -> dict[str, Any]:
    """What the log says, and nothing of how it was read. The file has another name."""
    processes = [{**one, "file": ""} for one in report["processes"]]
    return {name: value for name, value in report.items() if name not in OF_READING} | {"processes": processes}


@pytest.mark.parametrize("form", [[], ["--rows"]])
@pytest.mark.parametrize("name", ["shop.100.log", "shop.101.log"])
def test_a_report_of_the_new_log_is_the_same(folder: Path, name: str, form: list[str]) -> None:
    said = memtrace("convert", folder / name, folder / "new.log", *form)
    assert said.status == 0 and "lost" not in said.out and "not understood" not in said.out
    new = (folder / "new.log").read_bytes()
    assert not new[REQUIRED_AT] & STREAMS_UNSORTED
    assert told(shell("report", folder / "new.log")) == told(shell("report", folder / name))
    events = [(one["time"], one["kind"], one["payload"]) for one in shell("log", folder / "new.log", "--all")["events"]]
    assert events == sorted(events, key=lambda event: event[0]) and len(events) > 60


def test_processes_are_still_a_tree(folder: Path) -> None:
    logs = sorted(folder.glob("*.log"))
    for path in logs:
        memtrace("convert", path, folder / f"{path.name}.new")
    before, after = (shell("report", "--processes", *sorted(folder.glob(f"*.log{end}"))) for end in ("", ".new"))
    assert [{**one, "file": ""} for one in after["processes"]] == [{**one, "file": ""} for one in before["processes"]]
    assert len(after["processes"]) == 3
