# SPDX-License-Identifier: Apache-2.0
"""What a console text says happened: of the shared logs as their manifest has it, and of texts of other formats."""

from __future__ import annotations

import re
from functools import lru_cache

import pytest

from gdbext.analyse.console import explained
from gdbext.analyse.console.facts import facts_of
from gdbext.console.reader import crashes_in
from gdbext.model.console import Crash, Line
from gdbext.model.events import Frame, Stack
from gdbext.model.reports.explain import Explained
from gdbext.report.sentences import words
from tests.support.console import log_bytes, manifest, symbols
from tests.support.console_texts import HEAP, TEXTS, Text
from tests.unit.console_world import names_of

BY_NAME = {one.name: one for one in TEXTS}
OF_HEAPS = re.compile(r"(?i)\bheap|corrupt(?!ED)|double.free")


def named(table: str | None) -> dict[int, list[tuple[str, str | None, int | None]]]:
    """The function at each address of a table, with file and line."""
    found = {}
    for address, told in symbols(table).items() if table else ():
        frames = told.get("call") or told.get("at") or []
        found[address] = [_frame(*one) for one in frames if one[0] != "??"]
    return found


def _frame(function: str, place: str) -> tuple[str | None, str | None, int | None]:
    file, _, line = place.rpartition(":")
    return (function, file, int(line)) if line.isdecimal() else (function, None, None)


@lru_cache(maxsize=256)
def of_log(name: str, with_names: bool = False) -> tuple[Explained, ...]:
    told = manifest()[name]
    tables = [named(told.get(key)) for key in ("symbols", "symbols_second")] if with_names else [{}, {}]

    def names(crash: Crash) -> Stack:
        table = tables[0] if crash.chip != "esp32" or not tables[1] else tables[1]
        return tuple(Frame(pc, *frame) for pc in crash.backtrace for frame in (table.get(pc) or [(None, None, None)]))

    return explained(crashes_in([log_bytes(name)]), names)


def said_of(crashes: tuple[Explained, ...]) -> list[str]:
    return [words(one) for crash in crashes for one in (*crash.text, *crash.next)]


def what_of(crashes: tuple[Explained, ...]) -> str:
    return crashes[0].situation if crashes else "none"


@pytest.mark.parametrize("with_names", [False, True], ids=["plain", "named"])
@pytest.mark.parametrize("name", sorted(manifest()))
def test_a_situation_is_what_the_log_shows(name: str, with_names: bool) -> None:
    assert what_of(of_log(name, with_names)) in manifest()[name]["acceptable"]


@pytest.mark.parametrize("name", [name for name, log in sorted(manifest().items()) if "situations" in log])
def test_each_crash_has_its_own(name: str) -> None:
    told = manifest()[name]["situations"]
    found = of_log(name)
    assert len(found) == len(told)
    if len(set(told)) > 1:
        assert [one.situation for one in found] == told
    else:
        assert [one.times for one in found] == [len(told), *[1] * (len(told) - 1)]


@pytest.mark.parametrize("name", sorted(manifest()))
def test_marks_are_those_of_the_log(name: str) -> None:
    marks = list(manifest()[name]["facts"].get("corrupt_heap", []))
    for mark, one in zip(marks, of_log(name), strict=False):
        assert one.addresses == (int(mark["address"], 16),)
        assert (one.expected, one.got) == (int(mark["expected"], 16), int(mark["got"], 16))
        known = {"text": "text", "fill": "fill", "pointer into RAM": "pointer"}
        assert one.got_is == known.get(mark["got_is"]["is"])
        if mark["got_is"]["is"] == "canary partly intact":
            assert one.by == mark["got_is"]["bytes_overwritten"]


@pytest.mark.parametrize("with_names", [False, True], ids=["plain", "named"])
@pytest.mark.parametrize("name", sorted(manifest()))
def test_no_sentence_is_of_a_heap_where_nothing_happened_to_one(name: str, with_names: bool) -> None:
    if set(manifest()[name]["acceptable"]) & set(HEAP):
        return
    assert [line for line in said_of(of_log(name, with_names)) if OF_HEAPS.search(line)] == []


MUST: tuple[tuple[str, str], ...] = (  # what a sentence of the manifest asks for, and what must be in ours
    (r"the head mark at (0x\w+) is not there.*user address (0x\w+)", r"head mark at {0} is not there.*{1}"),
    (r"the tail mark at (0x\w+) was overwritten", r"tail mark at {0} was overwritten"),
    (r"written past the end by (\d) byte", r"past its end, by {0} byte"),
    (r"what was written there is the text '(.*)'", r"the text '{0}'"),
    (r"what was written there is byte (0x\w\w) repeated", r"byte {0} repeated"),
    (r"what was written there is (0x\w\w) = '(.)' repeated", r"{0} = '{1}' repeated"),
    (r"an allocation of (\d)(\d+) bytes failed", r"allocation of {0},{1} bytes failed"),
    (r"the fault is inside the allocator", r"fault is inside the allocator"),
    (r"^(0x\w+) is (0x\w+) \(text '(....)'\) plus 12", r"{0} is {1} .* plus 12"),
    (r"EXCVADDR (0x\w+) is (0x\w+) \(text ZZZZ\) plus 12", r"{0} is {1} .* plus 12"),
    (r"^(0x\w+) is the text '(.*)' plus 12", r"{0} is .*plus 12"),
    (r"^(0x\w+) is a heap address plus (0x\w+)", r"{0} is an address in RAM plus {1}"),
    (r"is a pointer \(a link of the allocator's free list\)", r"link of the allocator's free list"),
    (r"the stack of task (\w+) overflowed", r"stack of task {0} overflowed"),
    (r"not the stack that overflowed", r"not the stack that overflowed"),
    (r"\|<-CORRUPTED", r"cannot be trusted"),
    (r"a recursion", r"a recursion"),
    (r"a block was freed that is free already", r"freed that is free already"),
    (r"the pointer that was freed lies in no heap", r"lies in no heap"),
    (r"watchdog: task (\w+) was running", r"task {0} was running"),
    (r"interrupt watchdog that follows", r"interrupt watchdog that follows is a consequence"),
    (r"interrupts were off too long", r"interrupts were off too long"),
    (r"software watchdog fired", r"software watchdog fired"),
    (r"reset by the watchdog TG1WDT \(rst:0x8\)", r"watchdog TG1WDT\w* \(rst:0x8\)"),
    (r"jump to (0x\w+).*RA (0x\w+)", r"jump to {0}.*RA {1}"),
    (r"access to 0x00000008: a NULL pointer", r"0x00000008: a NULL pointer"),
    (r"a read from 0x00000010", r"a read at 0x00000010"),
    (r"a write to (0x\w+), which is read-only", r"a write to {0}, which is read-only"),
    (r"^a write to read-only memory \(flash\)", r"read-only"),
    (r"the same crash (\d) times", r"the same crash {0} times"),
    (r"the first assertion counts: (\w+\.c) line (\d+), task (\w+)", r"first assertion counts: {0} line {1}, task {2}"),
    (r"log ends in the middle of the dump", r"ends in the middle of the dump"),
    (r"realloc was the call", r"realloc was the call"),
    (r"assertion failed: r->size == 3", r"assertion failed.*r->size == 3"),
    (r"its text is left out by the build", r"text is left out by the build"),
    (r"free memory is nearly used up", r"free memory is nearly used up"),
    (r"result of the allocation was not checked", r"result of the allocation was not checked"),
    (r"2880 bytes, called at 0x40205F1C", r"2,880 bytes, called at 0x40205f1c"),
    (r"free of an invalid pointer", r"free of an invalid pointer"),
    (r"no block header", r"no block header"),
    (r"(0x20001a38) free already", r"free already[^|]*\|[^|]*{0}"),
    (r"thread coap_rx", r"coap_rx"),
    (r"double free reported by memleak", r"memleak reports a double free"),
    (r"frees of blocks from before memleak 1", r"not certain"),
    (r"abort\(\) was called by the application", r"abort\(\) was called by the application"),
    (r"holds something else by now", r"holds something else by now"),
    (r"load access fault at address 0", r"a read at 0x00000000"),
)  # fmt: skip
ONE_LINE = "c022"  # the line alone does not say which call it was


@pytest.mark.parametrize("name", sorted(manifest()))
def test_what_must_be_said_is_said(name: str) -> None:
    text = "|".join(said_of(of_log(name)))
    missing = []
    for sentence in (*manifest()[name]["must_say"], *manifest()[name].get("may_say", [])):
        for pattern, ours in MUST:
            found = re.search(pattern, sentence)
            if found and not re.search(ours.format(*map(re.escape, found.groups())), text):
                missing.append(sentence)
    assert [one for one in missing if not (name == ONE_LINE and "realloc" in one)] == []


FALSE_CLAIMS = {
    "out of memory": r"(?i)ran out|out of memory|used up",
    "double free": r"(?i)double free|freed twice|free already",
    "heap corruption": r"(?i)heap is damaged|corrupt(?!ED)",
    "heap overflow": r"(?i)past its end",
    "NULL pointer": r"NULL",
    "a fault of semaphores as the cause": r"sem_wait",
    "that every record is a leak": r"(?i)\bleak",
    "a crash": r".",
    "who freed it first": r"freed it first",
}


@pytest.mark.parametrize("with_names", [False, True], ids=["plain", "named"])
@pytest.mark.parametrize("name", sorted(manifest()))
def test_what_must_not_be_said_is_not(name: str, with_names: bool) -> None:
    text = "\n".join(words(part) for one in of_log(name, with_names) for part in one.text)
    claims = [claim for claim in manifest()[name]["must_not_say"] if claim in FALSE_CLAIMS]
    assert [claim for claim in claims if re.search(FALSE_CLAIMS[claim], text)] == []


def of_text(one: Text) -> tuple[Explained, ...]:
    return explained(crashes_in([one.text.encode()]), names_of(one))


@pytest.mark.parametrize("one", TEXTS, ids=lambda one: one.name)
def test_a_text_gets_the_situation_that_it_deserves(one: Text) -> None:
    found = of_text(one)
    assert what_of(found) in one.situations
    assert len(found) == one.crashes
    assert found == () or one.got_is in (None, found[0].got_is)
    assert found == () or one.by in (None, found[0].by)


@pytest.mark.parametrize("one", [one for one in TEXTS if not set(one.situations) & set(HEAP)], ids=lambda one: one.name)
def test_a_text_without_damage_gets_no_sentence_of_a_heap(one: Text) -> None:
    assert [line for line in said_of(of_text(one)) if OF_HEAPS.search(line)] == []


@pytest.mark.parametrize("one", TEXTS, ids=lambda one: one.name)
def test_what_is_not_shown_is_not_said_for_certain(one: Text) -> None:
    for crash in of_text(one):
        keys = {"shown": None, "likely": "answer-likely", "possible": "answer-possible"}
        assert crash.text[0].key == keys[crash.certainty] or (crash.certainty == "shown" or crash.same_as)


@pytest.mark.parametrize("piece", ["assert in a.c ", "(", "a/b.c:1: ", "Running 1 1 1.0%", "Assertion failed ", "x"])
def test_a_line_without_end_is_looked_at_in_part(piece: str) -> None:
    """What stands beyond changes nothing: no pattern sees it."""
    line = (piece * 4096)[:4096]
    crash = Crash(1, (Line(1, line), Line(2, "abort() was called at PC 0x42006f11 on core 0")))
    cut = Crash(1, (Line(1, line[:1024]), crash.lines[1]))
    assert facts_of(crash) == facts_of(cut)


def test_a_core_that_idles_is_not_blamed() -> None:
    (one,) = of_text(BY_NAME["a watchdog, and an idle core"])
    assert [dict(line.values)["task"] for line in one.text if line.key == "watchdog-running"] == ["wifi"]
    assert any(line.key == "watchdog-missed" for line in one.text)


def test_a_sum_of_zeros_is_none() -> None:
    (crash,) = crashes_in([BY_NAME["no sum"].text.encode()])
    assert crash.elf_sha256 is None


def test_a_mark_that_the_allocator_filled_shows_nothing_for_certain() -> None:
    (one,) = of_text(BY_NAME["a filled mark"])
    assert one.certainty == "possible"


def test_a_report_that_names_the_access_is_not_doubted() -> None:
    reports = [one for one in TEXTS if "AddressSanitizer: heap" in one.text]
    for (found,) in map(of_text, reports):
        assert [line.key for line in found.text] == ["says-asan", "at-address"]
        assert found.next == ()
    assert len(reports) == 2
