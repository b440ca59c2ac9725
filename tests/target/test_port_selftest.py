# SPDX-License-Identifier: Apache-2.0
"""The ports of the emulated boards keep what the recorder relies on, as their self-test says; broken ones are found."""

from __future__ import annotations

import pytest

from tests.support import firmware
from tests.support.chips import chip_of
from tests.support.qemu import Qemu

KEPT = "every promise that could be checked is kept"


def told(variant: str, cores: int) -> str:
    """What the firmware prints."""
    with Qemu(firmware.build(variant), chip=chip_of(variant), smp=cores, paused=False) as target:
        assert target.wait(600) == 0
        return target.console.strip()


@pytest.mark.parametrize(
    ("variant", "cores"),
    [
        ("selftest", 1),
        ("selftest", 2),
        ("selftest-imc", 1),
        ("de212-selftest", 1),
        ("lx106-selftest", 1),
        ("m0-selftest", 1),
        ("m4-selftest", 1),
    ],
)
def test_a_port_keeps_its_promises(variant: str, cores: int) -> None:
    assert told(variant, cores) == KEPT


def test_code_without_frame_pointers_is_told() -> None:
    assert "-fno-omit-frame-pointer" in told("selftest-nofp", 1)


def test_two_cores_whose_memory_has_no_atomic_steps_are_told() -> None:
    """Interrupts off are no lock against another core. The two must meet, which a busy machine may prevent."""
    assert any("additions of two cores were lost" in told("selftest-imc", 2) for _ in range(20))
