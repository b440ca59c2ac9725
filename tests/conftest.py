# SPDX-License-Identifier: Apache-2.0
"""Fixtures that every folder of tests may use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import firmware


@pytest.fixture(scope="session")
def build_firmware() -> Callable[[str], Path]:
    """The builder of test firmware: `build_firmware(VARIANT)` is the path of its ELF, built if it is not current."""
    return firmware.build
