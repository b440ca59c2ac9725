# SPDX-License-Identifier: Apache-2.0
"""Broken texts of consoles: nothing raises, nothing grows, and the text passes as it was."""

from __future__ import annotations

import pytest

from tests.fuzz.console_logs import problem

PIECES, SHARE = 8, 24


@pytest.mark.parametrize("piece", range(PIECES))
def test_broken_texts_pass(piece: int) -> None:
    said = {number: problem(number) for number in (*range(piece * SHARE, (piece + 1) * SHARE), 1170 + piece, 2135)}
    assert {number: wrong for number, wrong in said.items() if wrong is not None} == {}
