# SPDX-License-Identifier: Apache-2.0
"""The page cache: what is asked of the source, what a hole costs, and what is never asked."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from gdbext.report.sentences import words
from gdbext.source.known import Known, parse_ranges
from gdbext.source.link import Link, Progress, Task
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot

BASE, SIZE = 0x2000_0000, 256 << 10


class Chip:
    """A source with holes that remembers what it was asked for."""

    pointer_size = 4
    byte_order = "little"

    def __init__(self, *holes: tuple[int, int]) -> None:
        self.holes = holes
        self.asked: list[tuple[int, int]] = []
        self.interrupt_after = -1

    def read(self, address: int, length: int) -> bytes | None:
        self.asked.append((address, length))
        if self.interrupt_after == len(self.asked):
            raise KeyboardInterrupt
        end = address + length
        inside = address >= BASE and end <= BASE + SIZE
        if not inside or any(address < high and low < end for low, high in self.holes):
            return None
        return bytes(length)


@pytest.mark.parametrize("hole", [(0, 4), (60, 100), (5000, 5004), (70000, 70256), (4096, 200_000), (SIZE - 4, SIZE)])
def test_a_hole_costs_its_own_bytes_and_few_reads(hole: tuple[int, int]) -> None:
    low, high = BASE + hole[0], BASE + hole[1]
    chip = Chip((low, high))
    memory = Memory(chip)  # type: ignore[arg-type]
    memory.fetch(BASE, SIZE)
    unread = memory.snapshot.missing(BASE, BASE + SIZE)
    assert sum(end - start for start, end in unread) <= high - low
    assert unread == memory.failed(BASE, BASE + SIZE)
    assert len(chip.asked) <= 90
    asked = len(chip.asked)
    memory.fetch(BASE, SIZE)
    assert len(chip.asked) == asked, "what failed is not asked for again"


def test_what_nobody_has_named_is_not_asked_for() -> None:
    chip = Chip()
    memory = Memory(chip, known=Known([(BASE, BASE + 64)]))  # type: ignore[arg-type]
    assert memory.get(BASE + 32, 64) is None
    assert chip.asked == [(BASE + 32, 32)]
    assert [remark for remark in memory.remarks() if "set memtrace memory 0x20000040,0x20000060" in words(remark)]
    memory.allow(BASE + 64, BASE + 128)
    assert memory.get(BASE + 32, 64) == bytes(64)


def test_small_structures_near_writable_sections_are_known() -> None:
    known = Known([], writable=[(BASE, BASE + 16)])
    assert known.clip(BASE + 0x1000, BASE + 0x1100) == [(BASE + 0x1000, BASE + 0x1100)]
    assert known.clip(BASE + 0x1000, BASE + 0x9000) == []
    assert known.clip(BASE + (4 << 20), BASE + (4 << 20) + 4) == []


def test_ctrl_c_ends_the_reading_and_the_next_report_reads_on() -> None:
    chip = Chip()
    memory = Memory(chip)  # type: ignore[arg-type]
    chip.interrupt_after = 3
    memory.fetch(BASE, SIZE)
    memory.fetch(BASE, SIZE)
    assert len(chip.asked) == 3
    assert memory.interrupted
    assert len(memory.remarks()) == 1
    memory.mark()
    memory.fetch(BASE, SIZE)
    assert memory.get(BASE, SIZE) == bytes(SIZE)
    assert sum(length for _, length in chip.asked) == SIZE + chip.asked[2][1]


def test_progress_is_told_ever_less_often() -> None:
    said: list[str] = []
    now = [0.0]
    progress = Progress(said.append, lambda: now[0])
    progress.announce("reading", 0.5)
    assert said == []
    progress.announce("reading", 60.4)
    for second in range(60):
        now[0] = second
        progress.tell(Task("read", second, 60, 0))
        if second == 9:
            progress.damaged(BASE)
    assert said[0] == "reading takes about 60 s (Ctrl-C keeps what is there)"
    found = f"; 1 damaged so far, the first at {BASE:#x}"
    told = [f"{done} of 60 bytes, about {60 - done} s left" for done in (1, 2, 4, 8, 16, 32)]
    assert said[1:] == [*told[:4], told[4] + found, told[5] + found]


def test_a_command_that_goes_on_says_what_it_does() -> None:
    """Within two seconds of its beginning, whatever it reads: the task under way, else the bytes."""
    said: list[str] = []
    now = [0.0]
    progress = Progress(said.append, lambda: now[0])
    for tenth in range(200):
        now[0] = tenth / 10
        progress.task = Task("heap", 10 * tenth, 2000, 5.0) if tenth > 50 else None
        progress.beat(tenth)
    assert said[:3] == ["10 bytes read", "20 bytes read", "40 bytes read"]
    assert said[3] == "800 of 2,000 bytes of the heap, about 4 s left"
    progress.begin()
    progress.beat(1)
    assert len(said) == 5, "the next command has a second of its own"


def test_a_link_is_learnt_from_its_reads() -> None:
    link = Link()
    assert (link.seconds(1000), link.piece()) == (None, 32 << 10)
    link.learn(4, 0.5)
    assert link.seconds(1000) is None
    link.learn(1000, 0.25)
    assert link.seconds(4000) == 1.0
    assert not link.is_slow(4000)
    assert link.is_slow(4001)
    assert link.piece() == 4096


@pytest.mark.parametrize("text", ["here", "1", "1,", "5,4", "4,4", "-1,4"])
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="give START,END"):
        parse_ranges(text)


def test_ranges() -> None:
    assert parse_ranges("0x10,0x20  48,64") == [(16, 32), (48, 64)]
    assert parse_ranges("") == []


PAGE, PAGES = 256, 4096


def from_the_middle(count: int) -> list[int]:
    """Page numbers that grow a range at both of its ends in turn."""
    return [count // 2 + (number // 2 if number % 2 == 0 else -1 - number // 2) for number in range(count)]


def in_any_order(count: int) -> list[int]:
    return random.Random(7).sample(range(count), count)


@pytest.mark.parametrize(
    "order", [range, lambda count: reversed(range(count)), from_the_middle, in_any_order],
    ids=["upwards", "downwards", "both", "any"],
)  # fmt: skip
def test_an_extent_that_grows_by_pages_is_copied_a_few_times(
    order: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    class Counted(bytearray):
        def __init__(self, size: int = 0) -> None:
            made.append(size)
            super().__init__(size)

    monkeypatch.setattr("gdbext.source.snapshot.bytearray", Counted, raising=False)
    snapshot = Snapshot()
    for page in order(PAGES):
        snapshot.add(BASE + page * PAGE, page.to_bytes(2, "little") * (PAGE // 2))
        assert snapshot.word(BASE + page * PAGE) == page << 16 | page, "it is read as it grows"
    assert snapshot.extents() == [(BASE, BASE + PAGE * PAGES)]
    assert snapshot.get(BASE, PAGE * PAGES) == b"".join(
        page.to_bytes(2, "little") * (PAGE // 2) for page in range(PAGES)
    )
    assert sum(made) <= 20 * PAGE * PAGES
    assert max(made) <= 1.5 * PAGE * PAGES


@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_a_snapshot_is_as_if_its_bytes_were_written_one_by_one(width: int, byte_order: Any) -> None:
    choose, model = random.Random(width), dict[int, int]()
    snapshot = Snapshot(width, byte_order)
    for _ in range(400):
        start, data = BASE + choose.randrange(3000), choose.randbytes(choose.randrange(1, 120))
        snapshot.add(start, data)
        model.update(enumerate(data, start))
        place, length = BASE + choose.randrange(3000) // width * width, width * choose.randrange(1, 9)
        known = all(address in model for address in range(place, place + length))
        wanted = bytes(model.get(address, 0) for address in range(place, place + length)) if known else None
        assert snapshot.get(place, length) == wanted
        word = None if wanted is None else int.from_bytes(wanted[:width], byte_order)
        if known:
            assert snapshot.word_reader(place, place + length)(place) == word
        assert (snapshot.words(place, place + length) or [word])[0] == word
        assert [
            (low, high) for low, high in snapshot.extents() if any(at not in model for at in range(low, high))
        ] == []
    assert sum(high - low for low, high in snapshot.extents()) == len(model)
