# SPDX-License-Identifier: Apache-2.0
"""The console on the device: what it prints is read back by explain, decode and report, and is what the program did."""

from __future__ import annotations

import random
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gdbext.analyse.console import explained
from gdbext.collect.listed import Listings
from gdbext.console.names import Chosen
from gdbext.console.reader import crashes_in
from gdbext.report.decode import Decoder
from gdbext.trace.importers import Call, Item, Remark
from gdbext.trace.importers.memtrace_console import IMPORTER
from tests.support import recorder
from tests.support.paths import ROOT
from tests.unit.console_device import address, numbers, printed, records, stack

BITS = (32, 64)
NAMED = ("h 1 DRAM 1 6148", "h 2 SPI-RAM 2 1028", "m 5 network")
TASKS = {0: "startup", 1: "ISR", 2: "task 2", 3: "task 3"}
SMALL = {"ring": 5400, "live": 16, "stacks": 1024}
HEAPS = {1: "DRAM", 2: "SPI-RAM"}


@dataclass
class Block:
    size: int
    heap: int
    task: int
    tag: int


@dataclass
class Book:
    """What a test let the device do: its lines, and the blocks that live."""

    lines: list[str] = field(default_factory=lambda: list(NAMED))
    live: dict[int, Block] = field(default_factory=dict)
    task: int = 0
    tag: int = 0

    def run(self, task: int, tag: int = 0) -> None:
        self.task, self.tag = task, 0 if task == 1 else tag
        self.lines += [f"t {task}", f"g {tag}"]

    def alloc(self, number: int, size: int, heap: int = 1) -> None:
        self.live[number] = Block(size, heap, self.task, self.tag)
        self.lines.append(f"a {number} {size} {heap}")

    def free(self, number: int) -> None:
        del self.live[number]
        self.lines.append(f"f {number}")


def random_book(seed: int, steps: int) -> Book:
    chance, book = random.Random(seed), Book()
    for number in range(steps):
        if chance.random() < 0.2:
            book.run(chance.choice(list(TASKS)), chance.choice((0, 5)))
        if book.live and chance.random() < 0.45:
            book.free(chance.choice(list(book.live)))
        else:
            book.alloc(number, chance.randrange(1, 5000), chance.choice((1, 2)))
        if chance.random() < 0.1:
            book.lines.append(f"w {chance.choice((1, 100, 5000))}")
    return book


def calls(text: str) -> list[Call]:
    items: list[Item] = list(IMPORTER.calls([text.encode()], 62))
    assert [one for one in items if one is None or isinstance(one, Remark)] == []
    return [one for one in items if isinstance(one, Call)]


def told(call: Call) -> tuple[object, ...]:
    return call.address, call.size, call.stack, call.task, call.heap


def expected(book: Book, blocks: list[int]) -> list[tuple[object, ...]]:
    of = [(number, book.live[number]) for number in blocks]
    return sorted((address(n), b.size, stack(n), TASKS[b.task], HEAPS[b.heap]) for n, b in of)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("seed", range(4))
def test_show_is_the_book(bits: int, seed: int) -> None:
    book = random_book(seed, 150)
    text = printed(bits, *book.lines, "show")
    assert sorted(map(told, calls(text))) == expected(book, list(book.live))
    (end,) = records(text, "E")
    assert numbers(end, (0, 1)) == (len(book.live), sum(block.size for block in book.live.values()))


@pytest.mark.parametrize("bits", BITS)
def test_a_task_a_mark_and_a_module_choose_their_blocks(bits: int) -> None:
    book = random_book(7, 60)
    before = set(book.live)
    book.lines.append("mark between")
    for number in range(100, 120):
        book.run(number % 4, 5 * (number % 3 == 0))
        book.alloc(number, number)
    new = [number for number in book.live if number not in before]
    text = printed(
        bits, *book.lines, "memtrace since between\r", 'task "task 2"', "task ISR", "leaks network", "leaks 5"
    )
    parts = text.split("MT1 B live")[1:]
    chosen = [
        new,
        [number for number, block in book.live.items() if block.task == 2],
        [number for number, block in book.live.items() if block.task == 1],
        [number for number, block in book.live.items() if block.tag == 5],
    ]
    for part, blocks in zip(parts, [*chosen, chosen[-1]], strict=True):
        assert blocks and sorted(map(told, calls("MT1 B live" + part))) == expected(book, blocks)


@pytest.mark.parametrize("bits", BITS)
def test_a_filter_records_its_tasks_and_is_shown(bits: int) -> None:
    lines = [
        "off",
        'on ISR "task 3"',
        "t 1",
        "a 1 10 1",
        "t 2",
        "a 2 20 1",
        "t 3",
        "a 3 30 1",
        "show",
        "off",
        "on",
        "t 2",
        "a 4 40 1",
    ]
    text = printed(bits, "t 3", "a 9 9 1", "t 0", *lines, "show")
    filtered, _, unfiltered = text.split("MT1 B live")[2:]
    assert [one.address for one in calls("MT1 B live" + filtered)] in (
        [address(3), address(1)],
        [address(1), address(3)],
    )
    assert [one.word(1) for one in records("MT1 B live" + filtered, "N") if one.word(2) == "chosen"] == [
        "ISR",
        "task 3",
    ]
    assert [one.address for one in calls("MT1 B live" + unfiltered)] == [address(4)]
    assert "chosen" not in unfiltered


def test_a_task_that_the_system_alone_knows_can_be_chosen() -> None:
    text = printed(32, 'on "Tmr Svc"', "t 2", "a 1 1 1", "t 3", "a 2 1 1", "show", "on nobody")
    assert [one.address for one in calls(text)] == [address(1)]
    assert records(text, "I")[-1].words == "no such name"


@pytest.mark.parametrize("bits", BITS)
def test_off_reports_stops_and_forgets(bits: int) -> None:
    text = printed(bits, "a 1 10 1", "off", "a 2 20 1", "show", "on", "a 3 30 1", "f 2", "show", "status")
    assert [[one.number(0) for one in records("MT1 B live" + part, "A")] for part in text.split("MT1 B live")[1:4]] == [
        [address(1)], [], [address(3)]
    ]  # fmt: skip


@pytest.mark.parametrize("bits", BITS)
def test_the_report_of_leaks(bits: int) -> None:
    lines = [
        *NAMED,
        "a 1 100 1",
        "b",
        "t 2",
        "g 5",
        "k 1000",
        "a 2 200 1",
        "w 500",
        "a 3 300 2",
        "g 0",
        "a 4 400 7",
        "f 1",
        "w 30",
    ]
    text = printed(bits, *lines, "e")
    kinds = "".join(one.kind for one in records(text))
    assert (
        kinds.index("B") < kinds.index("S") < kinds.index("H") < kinds.index("L") < kinds.index("Y") < kinds.index("E")
    )
    internal, external = records(text, "S")
    assert (internal.word(0), internal.number(2), internal.number(5)) == ("internal", 206_000, 207_000)
    assert (external.word(0), external.number(2), external.number(5)) == ("external", 3_900_000, 3_900_000)
    leaks = {one.number(0): one for one in records(text, "L")}
    assert {at: (one.number(1), one.number(5), one.number(6)) for at, one in leaks.items()} == {
        address(2): (200, 530, 0x205), address(3): (300, 30, 0x205), address(4): (400, 30, 0)
    }  # fmt: skip
    assert [leaks[address(number)].pcs for number in (2, 3, 4)] == [stack(2), stack(3), stack(4)]
    assert {one.word(0): numbers(one, (1, 2)) for one in records(text, "Y")} == {
        "internal": (1, 200), "external": (1, 300), "unknown": (1, 400)
    }  # fmt: skip
    again = printed(bits, *lines, "e", "b", "e").split("MT1 B live")[2]
    assert "MT1 L" not in again


@pytest.mark.parametrize("bits", BITS)
def test_memory_that_is_lent_is_left_alone_after_the_end(bits: int) -> None:
    session = ["t 2", "a 1 10 1", "a 2 20 1", "f 1", "w 5", "e"]
    more = ["a 3 30 1", "f 2", "b 16384", "a 4 40 1", "e", "a 5 50 1", "b 30000", "e"]
    text = printed(bits, "a 9 9 1", "b 16384", *session, *more, "b 0", ring=0)
    parts = [records("MT1 B live" + part, "L") for part in text.split("MT1 B live")[1:]]
    assert [[(one.number(0), one.pcs) for one in part] for part in parts] == [
        [(address(2), stack(2))],
        [(address(4), stack(4))],
        [],
    ]


def test_ages_are_unknown_where_the_ring_has_gone_on_and_right_where_pauses_lie_between() -> None:
    pauses = [line for number in range(10, 40) for line in (f"a {number} 1 1", "w 5000", f"f {number}")]
    text = printed(32, "b", "a 1 1 1", "w 3000", "a 2 1 1", *pauses, "a 3 1 1", "w 7", "e", **SMALL)
    ages = {one.number(0): one.word(5) for one in records(text, "L")}
    assert ages == {address(1): f"{3000 + 150007:x}", address(2): f"{150007:x}", address(3): "7"}
    pauses *= 20
    text = printed(32, "b", "a 1 1 1", *pauses, "a 3 1 1", "w 7", "e", **SMALL)
    assert {one.number(0): one.word(5) for one in records(text, "L")} == {address(1): "", address(3): "7"}


@pytest.mark.parametrize("bits", BITS)
def test_stacks_and_blocks_that_are_missing_are_counted(bits: int) -> None:
    many = [f"a {number} 8 1" for number in range(200)]
    text = printed(bits, *many, "show", stacks=512, live=64)
    (missing,), listed = records(text, "G"), records(text, "A")
    stackless = [one for one in listed if not one.pcs]
    assert missing.number(1) == 200 - len(listed) and missing.number(3) == len(stackless) > 0
    assert (missing.number(5) or 0) >= len(stackless)
    losses = [one.text.key for one in IMPORTER.calls([text.encode()], 62) if isinstance(one, Remark) and one.is_loss]
    assert losses == ["memtrace-console-blocks"]


def test_free_has_heaps_sums_and_tasks() -> None:
    text = printed(32, "free")
    heaps = {one.word(0): (one.word(1), *numbers(one, range(2, 7))) for one in records(text, "H")}
    assert heaps == {
        "DRAM": ("internal", 0x1804, 300_000, 200_000, 150_000, 100_000),
        "RTC RAM": ("internal", 0x8004, 8_000, 7_000, 7_000, 6_000),
        "SPIRAM": ("external", 0x404, 4_000_000, 3_900_000, 3_800_000, 3_700_000),
    }
    assert {one.word(0): numbers(one, range(1, 5)) for one in records(text, "S")} == {
        "internal": (308_000, 207_000, 157_000, 100_000), "external": heaps["SPIRAM"][2:]
    }  # fmt: skip
    sums = {one.number(0): numbers(one, range(1, 5)) for one in records(text, "C")}
    assert set(sums) == {4, 0x400, 0x800, 0x1000, 0x8000}
    assert sums[4] == (4_308_000, 4_107_000, 3_957_000, 3_700_000)
    assert [(one.word(0), one.word(1), *numbers(one, range(2, 9))) for one in records(text, "K")] == [
        ("main", "X", 5, 5, 512, 1, 0x3FC00100, 0x3FC00000, 0x3FC01000),
        ("Tmr Svc", "B", 1, 1, 1024, 2, 0x3FC02F00, 0x3FC02000, 0x3FC03000),
        ("", "R", 0, 2, 0, 3, 0, 0, 0),
    ]


@pytest.mark.parametrize("bits", BITS)
def test_modules_are_counted_with_the_live_table(bits: int) -> None:
    book = Book()
    peak = most = 0
    for number, (size, tag) in enumerate([(100, 5), (200, 5), (50, 0), (900, 5)]):
        book.run(2, tag)
        book.alloc(number, size)
        peak += size * (tag == 5)
        most = max(most, peak)
    book.run(3)
    book.free(1)
    book.lines += ["r 3 7 30", "r 7 7 40"]  # a module's block that another task makes smaller has that one's module
    counts = {one.word(0): numbers(one, (2, 3, 4)) for one in records(printed(bits, *book.lines, "modules"), "D")}
    assert counts == {"0": (50 + 40, 2, 50 + 40), "5": (100, 1, most), "": (190, 3, 90 + most)}
    after = records(printed(bits, *book.lines, "off", "modules"), "D")
    assert {one.word(0): one.number(2) for one in after} == {"0": 0, "5": 0, "": 0}


@pytest.mark.parametrize("bits", BITS)
def test_status_says_what_has_fired_and_how_long_ago(bits: int) -> None:
    text = printed(bits, "a 1 10 1", "w 60000", "a 2 10 1", "f 2", "r 1 3 7", "w 123", "status", "selftest")
    entries, counts = records(text, "WU")
    assert entries.words == "alloc=1 free=1 realloc=1 calloc=0 aligned=0 new=0 assert=0"
    assert (numbers(counts, (1, 2, 3)), counts.number(5), counts.word(6)) == ((0, 1, 7), 123, "recording")
    assert records(text, "I")[0].words == "no self-test is linked"


@pytest.mark.parametrize("bits", BITS)
def test_a_double_free_is_told_with_both_stacks(bits: int) -> None:
    text = printed(bits, "d", "t 2", "a 1 64 1", "a 2 8 1", "f 2", "t 3", "f 1", "a 3 8 1", "t 2", "f 1")
    (crash,) = crashes_in([text.encode()])
    assert (crash.backtrace, crash.task) == (stack(1, freed=True), "task 2")
    (found,) = explained([crash], lambda of: ())
    assert (found.situation, found.certainty, found.addresses) == ("double-free", "shown", (address(1),))
    (first,), (owner,), (second,) = (records(text, kind) for kind in "FPX")
    assert (first.number(2), first.pcs) == (3, stack(1, freed=True)) and second.number(1) == 5
    assert (owner.number(0), owner.number(1), owner.pcs) == (address(1), 64, stack(1))


NO_DOUBLE_FREES = {
    "of an older block": ["f 1"],
    "of a block that was given anew": ["a 1 8 1", "f 1", "a 1 8 1", "f 1"],
    "of one that moved, and its old place was given anew": ["a 1 8 1", "r 1 2 9", "a 1 8 1", "f 1", "f 2"],
    "of one that was given while nothing was recorded": ["a 1 8 1", "f 1", "off", "a 1 8 1", "on", "f 1"],
    "of one that a filter kept out": ["a 1 8 1", "f 1", "on ISR", "a 1 8 1", "f 1"],
    "of one whose reallocation failed": ["a 1 8 1", "r 1 1 9", "f 1"],
}


@pytest.mark.parametrize("lines", NO_DOUBLE_FREES.values(), ids=NO_DOUBLE_FREES)
def test_what_is_no_double_free(lines: list[str]) -> None:
    assert "MT1 X" not in printed(32, "t 2", "d", *lines)


def test_a_block_that_moved_and_is_freed_again_is_one() -> None:
    text = printed(32, "d", "a 1 8 1", "r 1 2 9", "f 1")
    (first,) = records(text, "F")
    assert (first.number(0), first.pcs) == (address(1), stack(2))


def test_a_full_table_of_live_blocks_makes_no_double_frees() -> None:
    many = [f"a {number} 8 1" for number in range(200)]
    assert "MT1 X" not in printed(32, "d", *many, *[f"f {number}" for number in range(200)] * 2, live=64)


def test_lines_for_monitors_name_the_calls() -> None:
    text = printed(32, "b", "a 1 8 1", "e 1")
    (line,) = [one for one in text.splitlines() if not one.startswith("MT1 ")]
    assert line == "Backtrace: " + " ".join(f"{pc - 1:#x}" for pc in stack(1))


def test_decode_puts_the_numbers_in_words() -> None:
    text = printed(32, *NAMED, "t 2", "b", "a 1 1000 1", "w 1500", "e", "free", "modules", "status")
    decoder = Decoder(lambda sha, build: Chosen(None, None))
    out = b"".join(one for one in [*decoder.add(text.encode()), *decoder.finish()] if isinstance(one, bytes)).decode()
    for words in (
        "heap DRAM in internal memory: 300,000 bytes, 200,000 free, never less than 150,000; the largest free block 1",
        "task Tmr Svc, number 2: blocked, priority 1 of 1; stack 0x3fc02000 to 0x3fc03000, now at 0x3fc02f00, 1,024 ",
        "block 0x40000010 of 1,000 bytes: task task 2, heap DRAM, module ?, age 1.500 s",
        "1 event, 0 lost, the last 1.500 s ago; 1 block of 1,000 bytes live; recording",
        "seen to fire: alloc; never: free, realloc, calloc, aligned, new, assert",
    ):
        assert f"--- {words}" in out


def test_explain_groups_the_blocks_of_a_listing() -> None:
    listings = Listings()
    listings.add(printed(32, "a 1 8 1", "a 2 16 1", "show").encode())
    groups, losses = listings.groups(lambda asked: {})
    assert [(one.blocks, one.bytes, tuple(frame.pc for frame in one.frames)) for one in groups] == [
        (1, 16, stack(2)), (1, 8, stack(1))
    ]  # fmt: skip
    assert losses == []


def test_an_unknown_command_is_answered_with_the_list() -> None:
    known = "task mark since leaks on off show free modules status selftest"
    for line in ("what", "memtrace", "shows", "x 00"):
        assert [one.words for one in records(printed(32, line))] == [known]
    for line in ("task", "mark", "since nothing", "leaks \r"):
        assert [one.words for one in records(printed(32, line))] == ["no such name"]


def test_without_a_recorder_there_is_one_sentence() -> None:
    assert {one.words for one in records(printed(32, "show", "free", "nonsense", ring=0))} == {"no recorder"}


@pytest.mark.parametrize("bits", BITS)
def test_hostile_lines(bits: int) -> None:
    chance = random.Random(bits)
    commands = [
        "on",
        "off",
        "show",
        "free",
        "task",
        "mark",
        "since",
        "modules",
        "leaks",
        "status",
        "memtrace",
        '"',
        " ",
        "ISR",
    ]
    lines = []
    for _ in range(400):
        parts = [chance.choice(commands).encode() for _ in range(chance.randrange(1, 5))]
        parts.append(bytes(chance.randrange(1, 256) for _ in range(chance.choice((0, 3, 40, 300)))))
        chance.shuffle(parts)
        lines.append("x " + chance.choice((b" ", b"", b'"')).join(parts).hex())
        lines.append(f"a {chance.randrange(50)} 8 1")
    assert len(records(printed(bits, *lines))) > 400


@pytest.mark.parametrize("bits", BITS)
def test_while_others_allocate_each_block_that_is_shown_was_one(bits: int) -> None:
    text = printed(bits, "p 20000", "show", "modules", ring=8192 + 65536)
    shown = records(text, "A")
    assert len(shown) > 100
    for one in shown:
        block = ((one.number(0) or 0) - address(0)) // 16
        assert (one.number(1), one.pcs) == (block * 3 + 1, stack(block))
    last = records("MT1 B live" + text.split("MT1 B live")[-1], "A")
    assert numbers(records(text, "D")[-1], (2, 3)) == (sum(one.number(1) or 0 for one in last), len(last))


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("seed", range(12))
def test_hostile_tables(bits: int, seed: int) -> None:
    book = random_book(seed, 40)
    commands = ["show", "leaks network", "task ISR", "mark x", "since x", "status", "free", "d", "f 1", "on ISR", "e"]
    text = printed(bits, *book.lines, "b", f"z {seed}", *commands, "off", "status", ring=16384, stacks=2048)
    assert len(records(text)) > 30


def test_the_code_of_the_page_compiles(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "use-the-console.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```c\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    source = tmp_path / "page.c"
    source.write_text("\n".join(blocks))
    for compiler in (["gcc", "-std=c11"], ["g++", "-std=c++17", "-x", "c++"]):
        flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-DMEMTRACE_TAGS=1"]
        places = [f"-I{recorder.HELPERS / name}" for name in ("console", "include")]
        done = subprocess.run([*compiler, *flags, *places, str(source)], capture_output=True, text=True)
        assert (len(blocks), done.stderr) == (4, "")
