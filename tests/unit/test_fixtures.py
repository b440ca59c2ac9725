# SPDX-License-Identifier: Apache-2.0
"""The reader of the heap images: everything in the manifest arrives, and a missing folder is a failure in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import fixtures, paths
from tests.support.fixtures import Case, load_cases


def test_all_cases_load() -> None:
    cases = load_cases()
    assert len(cases) == 104
    assert len({case.id for case in cases}) == 104


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.id)
def test_images_hold_what_the_truth_says(case: Case) -> None:
    """The damaged bytes stand in the images, and every used block fits into one of them unless some are left out."""
    images = [(image.base, image.data) for image in case.images]
    for damage in case.truth.damage:
        assert damage.after in [
            data[damage.address - base :][: len(damage.after)] for base, data in images if damage.address >= base
        ]
    for block in case.truth.blocks:
        inside = any(base <= block.raw and block.raw + block.size <= base + len(data) for base, data in images)
        assert inside or case.truth.incomplete, f"{block.raw:#x}"


def test_long_block_lists_are_unpacked() -> None:
    case = fixtures.case("a017")
    assert case.truth.totals is not None
    assert len(case.truth.blocks) == case.truth.totals.used_blocks == 1954
    assert case.heap.option == "multi_heap@0x3c0a0000"


def test_selection_that_finds_nothing_fails() -> None:
    assert all(case.layout == "espressif-dynamic" for case in fixtures.select(layout="espressif-dynamic"))
    with pytest.raises(LookupError, match="no heap fixture"):
        fixtures.select(layout="no-such-layout")


def test_missing_fixtures_fail_with_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "HEAPS", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no fixture at .*gone\.bin.*MEMTRACE_SHARED"):
        fixtures.unpacked("gone.bin")
