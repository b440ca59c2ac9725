# SPDX-License-Identifier: Apache-2.0
"""What a log of a Linux process tells beside its events: the process, ends of stacks, bytes that say nothing.

Both replays, the reader and the writer know it; a log that is written again still has it.
"""

from __future__ import annotations

from gdbext.model.events import CUT_STACK, ENDED_STACK, end_of_stack
from gdbext.model.profile import Process
from gdbext.trace.convert import Conversion
from gdbext.trace.engine import EngineReplay
from gdbext.trace.log import LogReader
from gdbext.trace.log_writer import LogWriter
from gdbext.trace.replay import Replay, Wish
from tests.support.log import Log


def log_of_process() -> Log:
    """A process with three stacks: whole, cut, ended early."""
    log = Log(pointer_size=8)
    log.process(41, b"python3\0-c\0pass", how=1, own_bytes=300_000)
    for end in range(3):
        log.stack(1 + end, 0x401000, 0x402000, end=end)
    log.skip(4096)
    for number in range(3):
        log.event("alloc", 0x1000 * (1 + number), 16, stack=1 + number)
    return log


STACKS = {1: (0x401000, 0x402000), 2: (0x401000, 0x402000, CUT_STACK), 3: (0x401000, 0x402000, ENDED_STACK)}
PROCESS = Process(41, 1, 300_000, "python3\0-c\0pass")


def read(data: bytes) -> LogReader:
    reader = LogReader()
    assert [*reader.feed(data), *reader.finish()]
    return reader


def test_both_replays_know_process_and_ends() -> None:
    for replay in (EngineReplay(Wish()), Replay(Wish())):
        replay.feed(bytes(log_of_process().data))
        profile = replay.finish()
        assert profile.process == PROCESS
        assert dict(profile.stacks) == STACKS
        assert (profile.totals.events, profile.totals.unread, profile.totals.lost) == (3, 0, 0)


def test_a_log_that_is_written_again_still_knows_them() -> None:
    for packs in (False, True):
        conversion = Conversion(LogWriter(packs), "all")
        again = read(b"".join(filter(None, conversion.pieces([bytes(log_of_process().data)]))))
        assert again.process == PROCESS and again.stacks == STACKS and again.unread == 0


def test_a_process_of_another_run_is_forgotten() -> None:
    log = log_of_process()
    log.header()
    log.seq = 0
    log.event("alloc", 0x1000, 16)
    for replay in (EngineReplay(Wish()), Replay(Wish())):
        replay.feed(bytes(log.data))
        assert replay.finish().process is None


def test_a_process_record_that_is_too_short_is_unread() -> None:
    log = Log(pointer_size=8)
    log.record(23, 0, bytes(15))
    log.event("alloc", 0x1000, 16)
    for replay in (EngineReplay(Wish()), Replay(Wish())):
        replay.feed(bytes(log.data))
        profile = replay.finish()
        assert profile.process is None and profile.totals.unread == 1


def test_what_reports_say_of_the_end() -> None:
    assert end_of_stack(CUT_STACK, 64).function == "(cut at 64 frames)"
    assert end_of_stack(ENDED_STACK, 3).function == "(unwinding ended here)"
