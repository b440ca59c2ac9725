# SPDX-License-Identifier: Apache-2.0
"""The scan for definitions finds what a reader of the whole log finds, however the log is cut and whatever is wrong."""

from __future__ import annotations

from random import Random

import pytest

from gdbext.trace.log import LogReader
from gdbext.trace.log_definitions import MOST_FRAMES
from gdbext.trace.log_scan import DefinitionScan
from tests.support.log import Log
from tests.unit.random_log import broken, random_log

TABLES = ("stacks", "names", "tags", "heaps", "modules", "counts", "failure", "process")


def scanned(log: bytes, random: Random) -> DefinitionScan:
    scan, at = DefinitionScan(), 0
    while at < len(log):
        count = random.choice((1, 15, 100, 5000))
        scan.feed(log[at : at + count])
        at += count
    return scan


@pytest.mark.parametrize("share", range(4))
def test_definitions_are_those_of_the_last_run(share: int) -> None:
    for seed in range(share * 25, share * 25 + 25):
        random = Random(seed)
        log = random_log(random, random.choice((20, 300)))
        reader = LogReader()
        assert [*reader.feed(log), *reader.finish()]
        scan = scanned(log, random)
        for name in TABLES:
            assert getattr(scan, name) == getattr(reader, name), f"seed {seed}: {name}"


def test_addresses_are_told_once() -> None:
    log = Log()
    log.stack(1, 0x4000_1000, 0x4000_2000)
    scan = DefinitionScan()
    scan.feed(log.data)
    assert scan.new_addresses() == {0x4000_1000, 0x4000_2000}
    more = log.inside()
    more.stack(2, 0x4000_2000, 0x4000_3000)
    scan.feed(more.data)
    assert (scan.new_addresses(), scan.new_addresses()) == ({0x4000_2000, 0x4000_3000}, set())


def test_whatever_is_wrong_it_ends() -> None:
    for seed in range(200):
        random = Random(seed)
        scan = scanned(broken(random, random_log(random, 100)), random)
        assert all(0 < len(stack) <= MOST_FRAMES for stack in scan.stacks.values())
