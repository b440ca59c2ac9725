# SPDX-License-Identifier: Apache-2.0
"""The engine in C and its reference give the same for the same log, whatever is asked and however the log is cut."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from gdbext.model.profile import Owner, Profile
from gdbext.model.record import replace
from gdbext.model.said import Trouble
from gdbext.trace.engine import EngineReplay, replay_of
from gdbext.trace.replay import Replay, Wish
from tests.support.log import Log
from tests.unit.random_log import broken, group, random_log, random_wish

SHARES = 4
LOGS = 20  # a share


def pieces(random: Random, log: bytes) -> Iterator[bytes]:
    """The log, cut anywhere."""
    longest = random.choice((7, 400, 5000, 1 << 20))
    while log:
        count = random.randrange(1, longest + 1)
        yield log[:count]
        log = log[count:]


def wrapped(profile: Profile) -> Profile:
    """The profile with lifetimes as the engine adds them up: they go round at 2^64, which only nonsense reaches."""
    uses, nodes = (
        tuple(replace(use, lifetime=use.lifetime % (1 << 64)) for use in some) for some in (profile.uses, profile.nodes)
    )
    return replace(profile, uses=uses, nodes=nodes)


def found(replay: Replay | EngineReplay, cut: list[bytes]) -> list[object]:
    """All that a replay tells of a log, or what is wrong with it."""
    try:
        for piece in cut:
            replay.feed(piece)
        return [wrapped(replay.finish()), replay.live(), replay.past(), replay.tail()]
    except Trouble as trouble:
        return [trouble.why]


def compare(seed: int, *, breaking: bool) -> None:
    random = Random(seed)
    log = random_log(random, random.choice((20, 300, 1500)))
    log = broken(random, log) if breaking else log
    wish = random_wish(random)
    told = found(Replay(wish), [log])
    again = found(EngineReplay(wish), list(pieces(random, log)))
    names = ("profile", "live", "past", "tail")
    for name, expected, here in itertools.zip_longest(names, told, again):
        assert here == expected, f"seed {seed}, {wish}: {name}"


@pytest.mark.parametrize("share", range(SHARES))
def test_engine_and_reference_agree(share: int) -> None:
    for seed in range(share * LOGS, share * LOGS + LOGS):
        compare(seed, breaking=False)


@pytest.mark.parametrize("share", range(SHARES))
def test_they_agree_on_broken_logs(share: int) -> None:
    for seed in range(10_000 + share * LOGS, 10_000 + share * LOGS + LOGS):
        compare(seed, breaking=True)


def test_they_agree_while_a_log_is_being_written() -> None:
    """A profile can be asked for at any time, and changes nothing of the last one."""
    for seed in range(20_000, 20_020):
        random = Random(seed)
        log, wish = random_log(random, 300), random_wish(random)
        engine, reference, at_once = EngineReplay(wish), Replay(wish), EngineReplay(wish)
        for start in range(0, len(log), 1000):
            for replay in (engine, reference):
                replay.feed(log[start : start + 1000])
            assert engine.so_far() == wrapped(reference.so_far()), f"seed {seed}, {wish}: {start}"
        at_once.feed(log)
        assert engine.finish() == at_once.finish() == wrapped(reference.finish()), f"seed {seed}, {wish}"


def test_numbers_have_names_while_a_group_is_asked() -> None:
    """A tag with the number of a task gets another number, whose name is known at once."""
    log = Log()
    log.name(3, "net")
    log.name(3, "http", kind=3)
    log.row(0x2000_0000, 16, 3 | 3 << 8, 1)
    for kind in (EngineReplay, Replay):
        asked: list[tuple[object, object]] = []
        replays: list[Replay | EngineReplay] = []

        def group(owner: Owner, _: tuple[int, ...], asked: Any = asked, replays: Any = replays) -> list[int]:
            asked.append((replays[0].name_of(owner.context), replays[0].name_of(owner.tag)))
            return []

        replays.append(kind(Wish(group=group)))
        replays[0].feed(log.data)
        assert asked == [((1, "net"), (3, "http"))]
        assert replays[0].name_of(99) is None


def churn(width: int, live: int) -> bytes:
    """A log of blocks that stay, and then of one that comes and goes."""
    log = Log(width)
    for number in range(live):
        log.event("alloc", 0x10000 + 48 * number, 40, stack=number % 7)
    for number in range(5000):
        log.event(("alloc", "free")[number % 2], 0x100, 8, stack=3)
    return bytes(log.data)


def memory_of(log: bytes, times: int = 1) -> int:
    """The most bytes that the engine had, when the log's last 1,000 rows came so many times."""
    replay = EngineReplay(Wish(group=group))
    replay.feed(log)
    for _ in range(times):
        replay.feed(log[-16_000:])
    replay.finish()
    return replay.memory[1]


@pytest.mark.parametrize(("width", "bound"), [(4, 64), (8, 96)])
def test_memory_hangs_on_live_blocks_alone(width: int, bound: int) -> None:
    none, live = memory_of(churn(width, 0)), 20_000
    log = churn(width, live)
    assert 24 <= (memory_of(log) - none) / live <= bound
    assert memory_of(log, times=100) == memory_of(log)


def test_a_failed_call_raises_what_it_raised() -> None:
    def broken_group(owner: Owner, stack: tuple[int, ...]) -> list[int]:
        raise KeyError(owner.stack)

    log = Log()
    log.event("alloc", 0x100, 8, stack=3)
    with pytest.raises(KeyError, match="3"):
        EngineReplay(Wish(group=broken_group)).feed(bytes(log.data))
    with pytest.raises(ValueError, match="must be less than 4194304"):
        EngineReplay(Wish(group=lambda owner, stack: [1 << 22])).feed(bytes(log.data))


def test_the_engine_is_what_a_replay_is_made_of() -> None:
    assert isinstance(replay_of(Wish()), EngineReplay)
