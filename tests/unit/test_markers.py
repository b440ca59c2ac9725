# SPDX-License-Identifier: Apache-2.0
"""Markers in C sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.markers import marked_line, marked_lines


def test_markers_name_lines(tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text("int x;\nint y; /* LINE: y, why */\n\nint z; /* LINE: z */\n")
    assert marked_lines(source) == {"y": 2, "why": 2, "z": 4}
    assert marked_line(source, "z") == 4


def test_unknown_and_doubled_markers_fail(tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text("int x; /* LINE: x */\n")
    with pytest.raises(KeyError, match=r"no marker 'y'; it has: x"):
        marked_line(source, "y")
    doubled = tmp_path / "b.c"
    doubled.write_text("int x; /* LINE: x */\nint y; /* LINE: x */\n")
    with pytest.raises(ValueError, match="stands twice"):
        marked_lines(doubled)
