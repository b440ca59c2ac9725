# SPDX-License-Identifier: Apache-2.0
"""`memtrace extract`: every case of the shared flash images comes out as their manifest says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Said, memtrace
from tests.support.flash_cases import Case, cases, contents_of, image_of


def taken(case: Case, out: Path) -> Said:
    where = ["--partition", case["partition"]] if case["partition"] is not None else []
    what = ["--path", case["path"]] if case["path"] is not None else []
    return memtrace("extract", image_of(case), *where, *what, "--output", out)


def partitions(case: Case) -> Any:
    said = memtrace("extract", image_of(case), "--list", "--json")
    assert (said.status, said.err) == (0, "")
    return json.loads(said.out)["partitions"]


def paths_in(files: Any, *, upper: bool) -> list[tuple[str, int]]:
    """Paths without the slash in front; FAT ignores case."""
    spelled = ((one["path"].lstrip("/"), one["length"]) for one in files)
    return sorted((path.upper() if upper else path, length) for path, length in spelled)


@pytest.mark.parametrize("name", cases())
def test_what_is_taken_out(name: str, tmp_path: Path) -> None:
    case = cases()[name]
    said, out = taken(case, tmp_path / "out"), tmp_path / "out"
    acceptable = contents_of(case)
    if not out.exists():
        assert case["expected"] == "error" or case["minimum_prefix"] == 0, said.err
        assert (said.status, said.out, len(said.err.splitlines())) == (2, "", 1)
    elif case["expected"] == "exact":
        assert out.read_bytes() in acceptable
        assert said.status in ((0, 1) if case["damage"] else (0,))
    else:
        data = out.read_bytes()
        assert case["expected"] == "prefix"
        assert len(data) >= case["minimum_prefix"]
        assert any(one.startswith(data) for one in acceptable)
        assert said.status == 1 or (data in acceptable and said.status == 0)
        assert len(said.err.splitlines()) == said.status
    assert {one.name for one in tmp_path.iterdir()} <= {"out"}


def test_an_image_is_not_replaced_by_what_is_taken_out(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(image_of(cases()["flash-raw"]).read_bytes())
    said = memtrace("extract", image, "--partition", "memtrace", "--output", image, "--overwrite")
    why = "it is the file that is read; give another name"
    assert (said.status, said.err) == (2, f"memtrace: {image} cannot be written: {why}\n")
    assert image.read_bytes() == image_of(cases()["flash-raw"]).read_bytes()


@pytest.mark.parametrize("name", [name for name, case in cases().items() if case["partitions"] is not None])
def test_the_partitions_are_listed(name: str) -> None:
    case = cases()[name]
    told = [(one["name"], one["offset"], one["size"]) for one in case["partitions"]]
    found = partitions(case)
    assert [(one["name"], one["offset"], one["size"]) for one in found] == told
    for wanted, one in zip(case["partitions"], found, strict=True):
        assert wanted["filesystem"] in (None, one["filesystem"])


@pytest.mark.parametrize("name", [name for name, case in cases().items() if case["listing"]])
def test_the_files_are_listed(name: str) -> None:
    case = cases()[name]  # one of them says that there are no files, and takes one out: it is left alone
    found = [one for one in partitions(case) if case["partition"] in (None, one["name"])]
    listed = [one for one in found if one["filesystem"] == case["filesystem"]]
    assert len(listed) == 1
    upper = "fat" in case["filesystem"]
    assert paths_in(listed[0]["files"], upper=upper) == paths_in(case["listing"], upper=upper)
